import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { CurrentFold, Folds } from '#event-log/folds.js';
import type { Vault } from '#event-log/vault.js';
import type { LogWriter } from '#event-log/writer.js';
import type { Pool } from 'pg';
import { Decisions } from './decisions.js';

afterEach(() => {
  jest.restoreAllMocks();
});

const LOOK = { now: '2026-11-24T08:00:00.000Z', isKept: true };

const caller = (requestId: string) => ({
  principal: { kind: 'service-key', keyId: 'key_1', scopes: [], foundAt: LOOK } as const,
  requestId,
});

describe('a command whose stream was looked up since it came', () => {
  const fold = (version: number) => ({
    version,
    eventId: null,
    position: version,
    row: null,
    state: version,
    snapshotVersion: 0,
    ...LOOK,
  });
  /** The log has come to a version; this process knows of another one since the look, or of none. */
  const at = (version: number, known?: number) => {
    const asked: number[] = [];
    let [looks, doubts] = [0, 0];
    const writer = {
      append: ({ expectedVersion }: { expectedVersion: number }) => {
        asked.push(expectedVersion);
        return Promise.resolve(
          expectedVersion === version ? { kind: 'appended', events: [], row: '' } : { kind: 'conflict' },
        );
      },
    } as unknown as LogWriter;
    const folds = {
      current: (_: string, since?: object) =>
        Promise.resolve(since === LOOK && known ? fold(known) : (looks++, fold(version))),
      doubt: () => doubts++,
      appended: () => undefined,
    } as unknown as Folds<number>;
    const decided = new Decisions({} as Pool, writer, {} as Vault).make({
      caller: caller('one'),
      streamId: 'account-ada',
      folds,
      decide: () => [{ type: 'SessionRevoked', data: {} }],
      result: (_, state) => state,
    });
    return decided.then(({ result }) => ({ result, asked, looks, doubts }));
  };

  it('is decided on what was found', async () => {
    expect(await at(3, 3)).toEqual({ result: 3, asked: [3], looks: 0, doubts: 0 });
  });

  it('looks again where another process was first, at the stream itself', async () => {
    expect(await at(4, 3)).toEqual({ result: 4, asked: [3, 4], looks: 1, doubts: 1 });
  });

  it('looks again before it asks for anything where that is not known any more', async () => {
    expect(await at(4)).toEqual({ result: 4, asked: [4], looks: 1, doubts: 0 });
  });
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
      ...LOOK,
    };
    const looks = [first, Promise.resolve(fold)];
    let looked!: () => void;
    const firstLooks = new Promise<void>((resolve) => (looked = resolve));
    const folds = {
      current: () => (looked(), looks.shift()),
    } as unknown as Folds<null>;
    const decisions = new Decisions({} as Pool, {} as LogWriter, {} as Vault);
    const make = (name: string) =>
      decisions.make({
        caller: caller(name),
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
