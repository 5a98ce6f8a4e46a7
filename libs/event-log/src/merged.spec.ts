import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { until } from '../../../test/harness/until.js';
import { merged } from './merged.js';

/** What was asked has been sent then, also behind an answer. */
async function turns() {
  await setImmediate();
  await setImmediate();
}

/** Statements that are answered when the test says so; each answer names the statement that it came with. */
function statements(maxQuestions?: number) {
  const sent: { questions: readonly string[]; answer: () => void; fail: () => void }[] = [];
  const ask = merged<string, string>((questions) => {
    const number = sent.length;
    return new Promise((resolve, reject) => {
      const answer = () => resolve(questions.map((question) => `${question} of ${number}`));
      sent.push({ questions, answer, fail: () => reject(new Error(`statement ${number}`)) });
    });
  }, maxQuestions);
  return { sent, ask, asked: () => sent.map(({ questions }) => questions) };
}

describe('look-ups that are merged', () => {
  it('go into one statement when they come together, and each gets its own answer', async () => {
    const { sent, ask, asked } = statements();
    const answers = Promise.all([ask('a'), ask('b'), ask('a')]);
    await turns();
    expect(asked()).toEqual([['a', 'b', 'a']]);
    sent[0]!.answer();
    expect(await answers).toEqual(['a of 0', 'b of 0', 'a of 0']);
  });

  it('never get the answer of a statement that was sent before they were asked', async () => {
    const { sent, ask } = statements();
    const first = ask('a');
    await turns();
    const second = ask('a');
    sent[0]!.answer();
    expect(await first).toBe('a of 0');
    await turns();
    sent[1]!.answer();
    expect(await second).toBe('a of 1');
  });

  it('wait while a statement is under way, and then go together', async () => {
    const { sent, ask, asked } = statements();
    const answers = [ask('a')];
    await turns();
    answers.push(ask('b'));
    await turns();
    answers.push(ask('c'));
    await turns();
    expect(asked()).toEqual([['a']]);
    sent[0]!.answer();
    await turns();
    expect(asked()).toEqual([['a'], ['b', 'c']]);
    sent[1]!.answer();
    expect(await Promise.all(answers)).toEqual(['a of 0', 'b of 1', 'c of 1']);
  });

  it('go together with what the answers before them lead to', async () => {
    const { sent, ask, asked } = statements();
    const led = ask('a').then(() => ask('c'));
    await turns();
    const waited = ask('b');
    await turns();
    sent[0]!.answer();
    await turns();
    expect(asked()).toEqual([['a'], ['b', 'c']]);
    sent[1]!.answer();
    expect(await Promise.all([waited, led])).toEqual(['b of 1', 'c of 1']);
  });

  it('do not wait for a statement that hangs', async () => {
    const { sent, ask, asked } = statements();
    const hanging = ask('a');
    await turns();
    const next = ask('b');
    await until(asked, (questions) => questions.length === 2);
    sent[1]!.answer();
    expect(await next).toBe('b of 1');
    sent[0]!.answer();
    expect(await hanging).toBe('a of 0');
  });

  it('are divided where there are more than one statement takes', async () => {
    const { sent, ask, asked } = statements(2);
    const answers = Promise.all(['a', 'b', 'c'].map(ask));
    await turns();
    sent[0]!.answer();
    await turns();
    sent[1]!.answer();
    expect(asked()).toEqual([['a', 'b'], ['c']]);
    expect(await answers).toEqual(['a of 0', 'b of 0', 'c of 1']);
  });

  it('fail with their own statement alone', async () => {
    const { sent, ask } = statements(1);
    const answers = Promise.allSettled([ask('a'), ask('b'), ask('c')]);
    for (const end of ['fail', 'answer', 'answer'] as const) {
      await turns();
      sent.at(-1)![end]();
    }
    expect(await answers).toMatchObject([
      { reason: new Error('statement 0') },
      { value: 'b of 1' },
      { value: 'c of 2' },
    ]);
  });
});
