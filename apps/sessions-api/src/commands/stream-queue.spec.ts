import { describe, expect, it } from '@jest/globals';
import { StreamQueue } from './stream-queue.js';

/** A task that runs until it is told to end, and says in `steps` when it began and ended. */
function task(name: string, steps: string[]) {
  let end!: () => void;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const run = async () => {
    steps.push(`${name} begins`);
    await ended;
    steps.push(`${name} ends`);
    return name;
  };
  return { run, end };
}

const turnOfTheLoop = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('commands of streams', () => {
  it('are decided one after another in one stream, in the order in which they came', async () => {
    const queue = new StreamQueue();
    const steps: string[] = [];
    const [first, second, third] = ['first', 'second', 'third'].map((name) => task(name, steps));
    const results = [first!, second!, third!].map(({ run }) => queue.run('a', run));
    third!.end();
    second!.end();
    await turnOfTheLoop();
    expect(steps).toEqual(['first begins']);
    first!.end();
    expect(await Promise.all(results)).toEqual(['first', 'second', 'third']);
    expect(steps).toEqual(['first', 'second', 'third'].flatMap((name) => [`${name} begins`, `${name} ends`]));
  });

  it('do not wait for those of another stream', async () => {
    const queue = new StreamQueue();
    const steps: string[] = [];
    const slow = task('slow', steps);
    const fast = task('fast', steps);
    const waiting = queue.run('a', slow.run);
    fast.end();
    expect(await queue.run('b', fast.run)).toBe('fast');
    slow.end();
    expect(await waiting).toBe('slow');
  });

  it('go on when one of them fails', async () => {
    const queue = new StreamQueue();
    const failing = queue.run('a', () => Promise.reject(new Error('refused')));
    const next = queue.run('a', () => Promise.resolve('next'));
    await expect(failing).rejects.toThrow('refused');
    expect(await next).toBe('next');
  });
});
