import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { CurrentFold, Folds } from '#event-log/folds.js';
import type { Vault } from '#event-log/vault.js';
import type { LogWriter } from '#event-log/writer.js';
import type { Pool } from 'pg';
import { Decisions } from './decisions.js';

afterEach(() => {
  jest.restoreAllMocks();
});

describe('a command that waits for others of its account', () => {
  const waiting = () => {
    let answerFirst!: (fold: CurrentFold<null>) => void;
    const first = new Promise<CurrentFold<null>>((resolve) => (answerFirst = resolve));
    const fold = {
      version: 0,
      eventId: null,
      position: 0,
      row: null,
      state: null,
      snapshotVersion: 0,
      now: '2026-11-24T08:00:00.000Z',
    };
    const looks = [first, Promise.resolve(fold)];
    let looked!: () => void;
    const firstLooks = new Promise<void>((resolve) => (looked = resolve));
    const folds = { current: () => (looked(), looks.shift()) } as unknown as Folds<null>;
    const decisions = new Decisions({} as Pool, {} as LogWriter, {} as Vault);
    const make = (name: string) =>
      decisions.make({
        caller: { principal: { kind: 'service-key', keyId: 'key_1', scopes: [] }, requestId: name },
        streamId: 'account-ada',
        folds,
        decide: () => [],
        result: () => name,
      });
    return { make, firstLooks, release: () => answerFirst(fold) };
  };

  it('is decided when its turn comes within ten seconds', async () => {
    const { make, firstLooks, release } = waiting();
    const commands = [make('first'), make('second')];
    const arrived = performance.now();
    await firstLooks;
    jest.spyOn(performance, 'now').mockReturnValue(arrived + 9_900);
    release();
    expect(await Promise.all(commands)).toMatchObject([{ result: 'first' }, { result: 'second' }]);
  });

  it('is refused as busy when it comes later, undecided', async () => {
    const { make, firstLooks, release } = waiting();
    const first = make('first');
    const refusal = make('second').catch((error: unknown) => error);
    const arrived = performance.now();
    await firstLooks;
    jest.spyOn(performance, 'now').mockReturnValue(arrived + 10_100);
    release();
    expect(await first).toMatchObject({ result: 'first' });
    expect(await refusal).toMatchObject({ code: 'LOG_BUSY' });
  });
});
