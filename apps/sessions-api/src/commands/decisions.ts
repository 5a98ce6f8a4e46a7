import { setTimeout as sleep } from 'node:timers/promises';
import { DomainError, type DomainErrorCode } from '#domain/domain-error.js';
import type { Instant } from '#domain/instant.js';
import type { RecordedOutcome } from '#event-log/append.js';
import type { NewEvent } from '#event-log/event.js';
import { EVENT_TYPES, type EventTypeName } from '#event-log/event-types.js';
import type { CurrentFold, Folds } from '#event-log/folds.js';
import { LogError } from '#event-log/log-error.js';
import { readOutcome } from '#event-log/read.js';
import type { PersonalData, SubjectKey } from '#event-log/sealing.js';
import type { LivingKey } from '#event-log/subject-keys.js';
import type { Vault } from '#event-log/vault.js';
import type { LogWriter } from '#event-log/writer.js';
import { inSpan } from '#telemetry/tracing.js';
import type { Pool } from 'pg';
import type { Caller } from '../access/caller.js';
import { credentialId } from '../access/principal.js';
import { IdempotencyKeyReused } from './idempotency-key-reused.js';
import { StreamQueue } from './stream-queue.js';
import { timeOrderedId } from './time-ordered-id.js';

/** Whoever waited longer for the commands before his own has given up. */
const WAIT_FOR_MS = 10_000;
const TRY_FOR_MS = 2_000;
const MAX_JITTER_MS = 50;

export interface DomainEvent {
  readonly type: EventTypeName;
  readonly data: object;
}

/** One command: what it decides on, what is decided, and what is answered. */
export interface Decision<State, Event extends DomainEvent, Result> {
  readonly caller: Caller;
  readonly streamId: string;
  readonly folds: Folds<State>;
  readonly decide: (state: State, now: Instant, destroyed: readonly LivingKey[]) => readonly Event[];
  /** Decides nothing where the session that asks is not alive in the state. */
  readonly checksWhoActs?: true;
  /** The keys that are destroyed if anything is decided, looked up anew for each attempt. */
  readonly destroys?: () => Promise<readonly LivingKey[]>;
  /** What of an event is personal or secret, and goes sealed. */
  readonly personal?: (event: Event) => PersonalData | undefined;
  /** Plain JSON without secrets: a repetition of the command is answered from it. */
  readonly result: (events: readonly Event[], state: State, now: Instant) => Result;
}

export interface Decided<Result> {
  readonly result: Result;
  /** Of the log: what the command answers is so from this event on. */
  readonly position: number;
  /** The answer is that of an earlier command with the same `Idempotency-Key`. */
  readonly repeated: boolean;
}

type Outcome<Result> =
  | { readonly result: Result }
  | {
      readonly refusal: { readonly code: DomainErrorCode; readonly message: string; readonly field?: string };
    };

/**
 * Decides commands and appends what was decided.
 *
 *     look up the key ──► fold at the stream's version ──► decide ──► append at that version ──► answer
 *                              ▲                                          │
 *                              └────────── another process was first ─────┘   for up to 2 s, then CONTENTION
 *
 * In one process the commands of a stream are decided one after another. A refusal or "nothing to do" is only answered
 * if the fold was the stream's newest since the command came; with a key it is recorded like any other outcome. Whoever is
 * not proven yet is so by an append: what was decided on was the newest, and in it his session lived.
 */
export class Decisions {
  private readonly queue = new StreamQueue();

  constructor(
    private readonly pool: Pool,
    private readonly writer: LogWriter,
    private readonly vault: Vault,
  ) {}

  make<State, Event extends DomainEvent, Result>(
    decision: Decision<State, Event, Result>,
  ): Promise<Decided<Result>> {
    const { caller, streamId } = decision;
    const giveUpAt = performance.now() + WAIT_FOR_MS;
    return inSpan('decide', { parent: caller.traceparent, refuses }, ({ traceparent }) =>
      this.queue.run(streamId, () => {
        if (performance.now() > giveUpAt)
          throw new LogError('LOG_BUSY', 'too many commands of this account wait');
        return this.decide(within(traceparent, decision));
      }),
    );
  }

  /** Appends what happened, whatever the stream has come to: there is nothing to decide. */
  async record(caller: Caller, streamId: string, event: DomainEvent): Promise<void> {
    const { events } = await this.prepare({ caller, streamId }, [event], '');
    await this.writer.append({ streamId, expectedVersion: null, events });
  }

  private async decide<State, Event extends DomainEvent, Result>(
    decision: Decision<State, Event, Result>,
  ): Promise<Decided<Result>> {
    const giveUpAt = performance.now() + TRY_FOR_MS;
    const { folds, streamId, caller } = decision;
    const { prove, foundAt } = caller.principal;
    const recent = decision.checksWhoActs && prove && !caller.idempotency && folds.recent(streamId);
    const proven = recent && (await this.attempt(decision, recent, 'only if appended'));
    if (proven) return proven;
    let looked = folds.current(streamId, prove ? await prove() : foundAt);
    for (;;) {
      const decided = await this.attempt(decision, looked);
      if (decided) return decided;
      if (performance.now() > giveUpAt) {
        throw new LogError('CONTENTION', 'other processes kept changing what this command decides on');
      }
      await sleep(Math.random() * MAX_JITTER_MS);
      looked = folds.current(streamId);
    }
  }

  /** Undefined when another process was first, or where only an append counts and nothing is to be appended. */
  private async attempt<State, Event extends DomainEvent, Result>(
    decision: Decision<State, Event, Result>,
    looked: CurrentFold<State> | Promise<CurrentFold<State>>,
    counts?: 'only if appended',
  ): Promise<Decided<Result> | undefined> {
    const { caller, streamId, folds } = decision;
    const command = caller.idempotency && {
      ...caller.idempotency,
      principal: credentialId(caller.principal),
    };
    const [earlier, fold] = command
      ? await Promise.all([readOutcome(this.pool, command), looked])
      : [undefined, await looked];
    if (earlier && command) return repeat(earlier, command.requestHash, fold.position);

    // Behind the fold: a key that is made meanwhile moves the stream, and this attempt conflicts.
    const destroyed = (await decision.destroys?.()) ?? [];
    const { events, outcome } = judge(decision, fold.state, fold.now, destroyed);
    const { position } = fold;
    if (events.length === 0 && counts) return undefined;
    if (events.length === 0 && !command) return { result: answer(outcome), position, repeated: false };

    const append = await inSpan('append', { parent: caller.traceparent }, async (span) => {
      const prepared = await this.prepare(within(span.traceparent, decision), events, fold.now);
      const appended = await this.writer.append({
        streamId,
        expectedVersion: fold.version,
        expectedRow: fold.row,
        events: prepared.events,
        subjectKey: prepared.subjectKey,
        destroyedKeys: events.length > 0 ? destroyed.map(({ keyId }) => keyId) : undefined,
        command: command && { ...command, outcome },
      });
      span.set({ 'signoff.outcome': appended.kind, 'signoff.events': events.length });
      return appended;
    });
    if (append.kind === 'conflict') {
      folds.doubt(streamId);
      return undefined;
    }
    if (append.kind === 'repeated') return repeat(append, command!.requestHash, position);
    folds.appended(streamId, fold, append);
    return { result: answer(outcome), position: append.events.at(-1)?.position ?? position, repeated: false };
  }

  private async prepare<Event extends DomainEvent>(
    { caller, streamId, personal }: Pick<Decision<never, Event, never>, 'caller' | 'streamId' | 'personal'>,
    events: readonly Event[],
    now: Instant,
  ): Promise<{ events: NewEvent[]; subjectKey: SubjectKey | undefined }> {
    const metadata = JSON.stringify(metadataOf(caller));
    const secrets = events.map((event) => personal?.(event));
    const sealing = secrets.some(Boolean) ? await this.vault.keyFor(streamId, now) : undefined;
    return {
      events: events.map(({ type, data }, i) => {
        const eventId = timeOrderedId();
        const secret = secrets[i];
        return {
          eventId,
          type,
          schema: EVENT_TYPES[type].schema,
          data: JSON.stringify(data),
          sealed:
            secret && sealing ? this.vault.seal(secret, sealing.key, { streamId, eventId, type }) : null,
          metadata,
        };
      }),
      subjectKey: sealing?.isNew ? sealing.key : undefined,
    };
  }
}

/** As part of a span; where nothing is traced, as it came. */
const within = <Asked extends { readonly caller: Caller }>(
  traceparent: string | undefined,
  asked: Asked,
): Asked =>
  asked.caller.traceparent === traceparent ? asked : { ...asked, caller: { ...asked.caller, traceparent } };

const refuses = (error: unknown) => error instanceof DomainError || error instanceof IdempotencyKeyReused;

function judge<State, Event extends DomainEvent, Result>(
  { decide, result }: Decision<State, Event, Result>,
  state: State,
  now: Instant,
  destroyed: readonly LivingKey[],
): { events: readonly Event[]; outcome: Outcome<Result> } {
  try {
    const events = decide(state, now, destroyed);
    return { events, outcome: { result: result(events, state, now) } };
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    const { code, message, field } = error;
    return { events: [], outcome: { refusal: { code, message, field } } };
  }
}

function answer<Result>(outcome: Outcome<Result>): Result {
  if ('result' in outcome) return outcome.result;
  const { code, message, field } = outcome.refusal;
  throw new DomainError(code, message, field);
}

function repeat<Result>(earlier: RecordedOutcome, asked: Buffer, streamPosition: number): Decided<Result> {
  if (!earlier.requestHash.equals(asked)) throw new IdempotencyKeyReused();
  const position = earlier.position ?? streamPosition;
  return { result: answer(earlier.outcome as Outcome<Result>), position, repeated: true };
}

function metadataOf({ principal, requestId, traceparent }: Caller) {
  const actor =
    principal.kind === 'service-key'
      ? { type: 'service', id: principal.keyId }
      : { type: 'account', id: principal.accountId };
  return { actor, credential: credentialId(principal), commandId: timeOrderedId(), requestId, traceparent };
}
