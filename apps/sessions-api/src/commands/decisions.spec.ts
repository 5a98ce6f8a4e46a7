import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { DomainError } from '#domain/domain-error.js';
import type { CurrentFold, Folds } from '#event-log/folds.js';
import type { Vault } from '#event-log/vault.js';
import type { LogWriter } from '#event-log/writer.js';
import type { Pool } from 'pg';
import type { Caller } from '../access/caller.js';
import { Decisions } from './decisions.js';

afterEach(() => {
  jest.restoreAllMocks();
});

const LOOK = { now: '2026-11-24T08:00:00.000Z', isKept: true };

const fold = (version: number) => ({
  version,
  eventId: null,
  position: version,
  row: null,
  state: version,
  snapshotVersion: 0,
  ...LOOK,
});

const caller = (requestId: string) => ({
  principal: { kind: 'service-key', keyId: 'key_1', scopes: [], foundAt: LOOK } as const,
  requestId,
});

describe('a command whose stream was looked up since it came', () => {
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

describe('a command by somebody who is not proven yet', () => {
  interface Circumstances {
    /** Where the stream was a moment ago, as far as is known. */
    readonly recent?: number;
    readonly nothingToDo?: boolean;
    readonly refusesAt?: number;
    readonly checksWhoActs?: boolean;
    readonly idempotency?: Caller['idempotency'];
    readonly signedOut?: boolean;
  }
  /** The stream has come to version 3. Answers what was asked, in order. */
  const made = async ({ checksWhoActs = true, ...given }: Circumstances) => {
    const steps: string[] = [];
    const writer = {
      append: ({ expectedVersion }: { expectedVersion: number }) => {
        steps.push(`append at ${expectedVersion}`);
        return Promise.resolve(
          expectedVersion === 3 ? { kind: 'appended', events: [], row: '' } : { kind: 'conflict' },
        );
      },
    } as unknown as LogWriter;
    const folds = {
      recent: () => given.recent && fold(given.recent),
      current: (_: string, since?: object) =>
        Promise.resolve((steps.push(since ? 'as proven' : 'look'), fold(3))),
      doubt: () => undefined,
      appended: () => undefined,
    } as unknown as Folds<number>;
    const prove = () => {
      steps.push('prove');
      return given.signedOut ? Promise.reject(new Error('signed out')) : Promise.resolve(LOOK);
    };
    const principal = { kind: 'session', accountId: 'ada', sessionId: 'ses_1', scopes: [], prove } as const;
    const { idempotency } = given;
    const pool = { query: () => Promise.resolve({ rows: [] }) } as unknown as Pool;
    const answer = await new Decisions(pool, writer, {} as Vault)
      .make({
        caller: { principal, requestId: 'one', ...(idempotency && { idempotency }) },
        streamId: 'account-ada',
        folds,
        ...(checksWhoActs && { checksWhoActs }),
        decide: (version) => {
          if (version === given.refusesAt) throw new DomainError('SESSION_NOT_FOUND', 'not there');
          return given.nothingToDo ? [] : [{ type: 'SessionRevoked', data: {} }];
        },
        result: (_, version) => `at ${version}`,
      })
      .then(
        ({ result }) => result,
        (error: Error) => error.message,
      );
    return [...steps, answer];
  };

  it('is proven by an append at the version that was known a moment ago', async () => {
    expect(await made({ recent: 3 })).toEqual(['append at 3', 'at 3']);
  });

  it('has to be proven where nothing is known', async () => {
    expect(await made({})).toEqual(['prove', 'as proven', 'append at 3', 'at 3']);
  });

  it('has to be proven where somebody was first', async () => {
    expect(await made({ recent: 2 })).toEqual(['append at 2', 'prove', 'as proven', 'append at 3', 'at 3']);
    expect(await made({ recent: 2, signedOut: true })).toEqual(['append at 2', 'prove', 'signed out']);
  });

  it('has to be proven before a refusal, or that there is nothing to do, is answered', async () => {
    expect(await made({ recent: 3, refusesAt: 3 })).toEqual(['prove', 'as proven', 'not there']);
    expect(await made({ recent: 3, refusesAt: 3, signedOut: true })).toEqual(['prove', 'signed out']);
    expect(await made({ recent: 3, nothingToDo: true })).toEqual(['prove', 'as proven', 'at 3']);
    expect(await made({ recent: 2, refusesAt: 2 })).toEqual(['prove', 'as proven', 'append at 3', 'at 3']);
  });

  it('has to be proven first where a key may have been used before, or the decision is not about who asks', async () => {
    const idempotency = { operation: 'DELETE', key: 'k', requestHash: Buffer.alloc(32) };
    for (const given of [{ idempotency }, { checksWhoActs: false }]) {
      expect(await made({ recent: 3, ...given })).toEqual(['prove', 'as proven', 'append at 3', 'at 3']);
      expect(await made({ recent: 3, ...given, signedOut: true })).toEqual(['prove', 'signed out']);
    }
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
