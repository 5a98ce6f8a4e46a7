import { setImmediate } from 'node:timers/promises';
import { DatabaseError, type Client } from 'pg';
import { commandKeyText, type Append, type AppendOutcome, type RecordedOutcome } from './append.js';
import { createClient, inOneWrite } from './connection.js';
import {
  lockHead,
  readOutcomes,
  readUnderLock,
  type ReadUnderLock,
  writeGroup,
  writeGroupBehind,
  type Written,
} from './group-sql.js';
import { type LastGroup, logBehind } from './last-group.js';
import { LogError } from './log-error.js';
import { wasCommitted } from './lost-commit.js';
import { moment } from './moment.js';
import { planGroup, type GroupPlan, type LogState } from './plan-group.js';
import type { Head } from './head.js';

const MAX_WAITING = 10_000;
/** Whoever waited longer has given up. Under a lock that is never released, each group takes 5 s to fail. */
const WAIT_FOR_MS = 10_000;
const MAX_GROUP_EVENTS = 2_000;
const MAX_GROUP_APPENDS = 512;

interface Waiting {
  readonly append: Append;
  readonly giveUpAt: number;
  readonly resolve: (outcome: AppendOutcome) => void;
  readonly reject: (error: Error) => void;
}

type LockedLog = LogState & Written;

export interface WriterHooks {
  /** After a commit that moved the head: what it wrote, and the seconds that it took. */
  readonly committed?: (group: GroupPlan, seconds: number) => void;
}

/**
 * The one writer of a process: whatever waits when a commit ends goes into the next one together.
 *
 *     idle ── append, end of the turn ──► committing ── nothing waits ──► idle
 *                                          ▲       │
 *                                          └───────┘ something waits
 *
 * An answered append is durable and has its final position. An append never lands twice, and one append of a group
 * never makes another fail: a conflict fails alone, and after a statement error the group's appends are run singly.
 */
export class LogWriter {
  private waiting: Waiting[] = [];
  private draining: Promise<void> | null = null;
  private client: Client | null = null;
  private last: LastGroup | undefined;
  private closed = false;

  constructor(
    private readonly connectionString: string,
    private readonly hooks: WriterHooks = {},
  ) {}

  /** Rejects with `LogError`: what its code says about whether something was written is certain. */
  append(append: Append): Promise<AppendOutcome> {
    if (this.closed) return Promise.reject(new LogError('LOG_UNAVAILABLE', 'the writer is closed'));
    if (this.waiting.length >= MAX_WAITING) {
      return Promise.reject(new LogError('LOG_BUSY', `${MAX_WAITING} appends are waiting`));
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ append, giveUpAt: performance.now() + WAIT_FOR_MS, resolve, reject });
      this.draining ??= this.drain();
    });
  }

  get queued(): number {
    return this.waiting.length;
  }

  /** Commits what waits, then lets go of the connection. */
  async close(): Promise<void> {
    this.closed = true;
    await this.draining;
    await this.disconnect();
  }

  private async drain(): Promise<void> {
    // With whatever else this turn appends: what was looked up together is decided in one.
    await setImmediate();
    for (let group = this.nextGroup(); group.length > 0; group = this.nextGroup()) await this.settle(group);
    // In the same turn as the look at `waiting`: an append in between would wait for ever.
    this.draining = null;
  }

  private nextGroup(): Waiting[] {
    this.refuseLate();
    let events = 0;
    let size = 0;
    while (size < Math.min(this.waiting.length, MAX_GROUP_APPENDS) && events <= MAX_GROUP_EVENTS) {
      events += this.waiting[size++]!.append.events.length;
    }
    return this.waiting.splice(0, size);
  }

  private refuseLate(): void {
    const now = performance.now();
    const inTime = this.waiting.findIndex(({ giveUpAt }) => giveUpAt >= now);
    for (const { reject } of this.waiting.splice(0, inTime === -1 ? this.waiting.length : inTime)) {
      reject(new LogError('LOG_BUSY', `the log could not take this within ${WAIT_FOR_MS / 1_000} s`));
    }
  }

  private async settle(group: Waiting[]): Promise<void> {
    try {
      const began = performance.now();
      const plan = await this.commit(group.map(({ append }) => append));
      const seconds = (performance.now() - began) / 1000;
      // Before the hook, whose failure must not make what is written look unwritten.
      group.forEach(({ resolve }, i) => resolve(plan.outcomes[i]!));
      if (plan.events.length > 0) this.hooks.committed?.(plan, seconds);
    } catch (error) {
      if (group.length > 1 && isOneAppendsFault(error)) {
        for (const one of group) await this.settle([one]);
        return;
      }
      const failure =
        error instanceof LogError || isOneAppendsFault(error)
          ? (error as Error)
          : new LogError('LOG_UNAVAILABLE', 'the log cannot be written', { cause: error });
      group.forEach(({ reject }) => reject(failure));
    }
  }

  private async commit(appends: readonly Append[]): Promise<GroupPlan> {
    const client = (this.client ??= await this.connect());
    return (await this.writeAtOnce(client, appends)) ?? this.writeUnderLock(client, appends);
  }

  /** Undefined if that cannot be tried, or the log is not as it was expected: nothing is written then. */
  private async writeAtOnce(client: Client, appends: readonly Append[]): Promise<GroupPlan | undefined> {
    const expected = this.last && logBehind(this.last, appends);
    if (!expected) return undefined;
    const plan = planGroup(appends, expected);
    const askedAt = moment();
    try {
      const decidedOn = [...expected.streams.values()];
      const { rows } = await client.query<Written>(writeGroupBehind(this.last!.row, plan, decidedOn));
      const [written] = rows;
      if (!written) return undefined;
      const { now, row } = written;
      this.last = { head: plan.head, now, row, askedAt, followsOwn: true };
      return { ...plan, outcomes: plan.outcomes.map((outcome) => withRow(outcome, row)) };
    } catch (error) {
      if (isTakenBack(error)) throw error;
      await this.disconnect();
      if (await wasCommitted(plan, () => this.connect())) return plan;
      throw error;
    }
  }

  private async writeUnderLock(client: Client, appends: readonly Append[]): Promise<GroupPlan> {
    const askedAt = moment();
    let locked: LockedLog;
    let plan: GroupPlan;
    try {
      locked = await this.lock(client, appends);
      plan = planGroup(appends, locked);
    } catch (error) {
      // Closing the connection ends the transaction, whatever state it is in.
      await this.disconnect();
      throw error;
    }
    const [written, committed] = await inOneWrite(client, () =>
      Promise.allSettled([client.query(writeGroup(plan)), client.query('COMMIT')]),
    );
    if (committed.status === 'fulfilled') {
      // PostgreSQL answers COMMIT with ROLLBACK when a statement before it failed.
      if (committed.value.command !== 'COMMIT') {
        throw written.status === 'rejected' ? written.reason : new Error('the transaction was rolled back');
      }
      const followsOwn = this.last?.head.hash.equals(plan.behind.hash) ?? false;
      if (plan.events.length > 0) {
        this.last = { head: plan.head, now: locked.now, row: locked.row, askedAt, followsOwn };
      }
      return plan;
    }
    await this.disconnect();
    if (await wasCommitted(plan, () => this.connect())) return plan;
    throw committed.reason;
  }

  /** Three statements in one round trip: the client pipelines them, and PostgreSQL runs one after the other. */
  private async lock(client: Client, appends: readonly Append[]): Promise<LockedLog> {
    const keyed = appends.some(({ command }) => command);
    const [, locked, read, recorded] = await inOneWrite(client, () =>
      Promise.all([
        client.query('BEGIN'),
        client.query<Head>(lockHead),
        client.query<ReadUnderLock>(readUnderLock(appends)),
        keyed ? client.query(readOutcomes(appends)) : null,
      ]),
    );
    const { now, row, streams } = read.rows[0]!;
    return {
      head: locked.rows[0]!,
      now,
      row,
      streams: new Map(Object.entries(streams ?? {})),
      outcomes: new Map<string, RecordedOutcome>(recorded?.rows.map((row) => [commandKeyText(row), row])),
    };
  }

  private async connect(): Promise<Client> {
    const client = createClient(this.connectionString, {
      application_name: 'signoff-writer',
      pipeline: true,
      // For a few elements of an array PostgreSQL would plan its statements anew each time.
      options: '-c plan_cache_mode=force_generic_plan',
      // A stopped process would keep the head's lock for ever.
      idle_in_transaction_session_timeout: 2_000,
      lock_timeout: 5_000,
      statement_timeout: 10_000,
      query_timeout: 15_000,
    });
    client.on('error', () => this.client === client && (this.client = null));
    await client.connect();
    return client;
  }

  private async disconnect(): Promise<void> {
    const client = this.client;
    this.client = null;
    if (!client) return;
    const ended = new Promise((resolve) => client.once('end', resolve));
    client.end().catch(() => undefined);
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 1_000).unref())]);
  }
}

const withRow = (outcome: AppendOutcome, row: string): AppendOutcome =>
  outcome.kind === 'appended' ? { kind: outcome.kind, events: outcome.events, row } : outcome;

/** Data or a constraint was refused (SQLSTATE classes 22 and 23): the statement, not the machinery, is at fault. */
function isOneAppendsFault(error: unknown): boolean {
  return error instanceof DatabaseError && /^2[23]/.test(error.code ?? '');
}

const LOCK_NOT_AVAILABLE = '55P03';
const QUERY_CANCELED = '57014';

/** PostgreSQL has rolled the statement back: nothing of it is written. */
function isTakenBack(error: unknown): boolean {
  const code = error instanceof DatabaseError && error.code;
  return code === LOCK_NOT_AVAILABLE || code === QUERY_CANCELED || isOneAppendsFault(error);
}
