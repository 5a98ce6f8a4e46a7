import { describe, expect, it } from '@jest/globals';
import { WakeUp } from './wake-up.js';

const NEVER = 2 ** 31 - 1;
const { signal } = new AbortController();

async function isAsleep(sleep: Promise<void>): Promise<boolean> {
  const awake = sleep.then(() => false);
  return Promise.race([awake, new Promise<boolean>((resolve) => setImmediate(resolve, true))]);
}

describe('a loop that sleeps until there is news', () => {
  it('wakes at a call', async () => {
    const wakeUp = new WakeUp();
    const sleep = wakeUp.sleep(NEVER, signal);
    expect(await isAsleep(sleep)).toBe(true);
    wakeUp.call();
    await sleep;
  });

  it('does not fall asleep when it was called while it was at work', async () => {
    const wakeUp = new WakeUp();
    wakeUp.call();
    await wakeUp.sleep(NEVER, signal);
  });

  it('falls asleep again: a call wakes it once', async () => {
    const wakeUp = new WakeUp();
    wakeUp.call();
    wakeUp.call();
    await wakeUp.sleep(NEVER, signal);
    const again = wakeUp.sleep(NEVER, signal);
    expect(await isAsleep(again)).toBe(true);
    wakeUp.call();
    await again;
  });

  it('can be roused without being kept from its next sleep', async () => {
    const wakeUp = new WakeUp();
    wakeUp.rouse();
    const sleep = wakeUp.sleep(NEVER, signal);
    expect(await isAsleep(sleep)).toBe(true);
    wakeUp.rouse();
    await sleep;
  });

  it('wakes by itself after its time', async () => {
    await new WakeUp().sleep(1, signal);
  });

  it('wakes when it is to stop, and does not sleep once it was', async () => {
    const wakeUp = new WakeUp();
    const stop = new AbortController();
    const sleep = wakeUp.sleep(NEVER, stop.signal);
    stop.abort();
    await sleep;
    await wakeUp.sleep(NEVER, stop.signal);
  });
});
