import { setTimeout as sleep } from 'node:timers/promises';
import { jetstreamManager, type StoredMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Pool } from 'pg';
import { logHeader, type LogIdentity } from '#bus/envelope.js';
import { streamInfo } from '#bus/stream.js';
import { ALL_EVENTS, STREAM } from '#bus/subjects.js';
import { readForward, readHead } from '#event-log/read.js';
import type { CheckpointPosition } from '#read-model/checkpoint.js';
import { ahead } from './ahead.js';
import { Feed } from './feed.js';
import type { ProjectedEvent, Projection } from './projection.js';
import { ProjectionStop } from './projection-stop.js';
import { eventFromBus, eventFromLog, waitForEpoch } from './read-event.js';

const BATCH = 1_000;
/** What may be delivered and not yet applied: the next batch arrives while one is being applied. */
const AHEAD = 2 * BATCH;
/** After less than a batch: what is delivered meanwhile is applied in one transaction. */
const PAUSE_MS = 50;
/** More than so many events are read from the log, which takes less than half the time. */
const FAR_BEHIND = 5 * BATCH;

export interface Delivery {
  /** Empty when there is nothing behind the checkpoint yet. */
  readonly events: readonly ProjectedEvent[];
  /** Why the event behind these cannot be handed over. */
  readonly stop?: ProjectionStop;
  /** To be called when they are applied. */
  readonly done: () => void;
  /** What the projection has made of them already. */
  readonly prepared?: Promise<unknown>;
}

/**
 * Every event behind a checkpoint, in order, without a gap: first what the stream does not hold (any more), or all that it
 * has where that is much, from the log; then what it delivers, until `stop` is aborted. Whoever may publish can put into
 * the stream what no relay did, so that each message is compared with the log. Throws when it cannot go on, `FeedBroken`
 * when asking again may help.
 */
export async function* eventsBehind(
  projection: Projection,
  checkpoint: CheckpointPosition,
  bus: NatsConnection,
  pool: Pool,
  stop: AbortSignal,
): AsyncGenerator<Delivery> {
  const streamFrom = await firstFromStream(checkpoint, bus, pool);
  const { position, logId } = checkpoint;
  yield* preparedFromLog(position, streamFrom - 1, pool, (events) => projection.prepare(events, logId));
  yield* eventsFromStream(projection.name, streamFrom, checkpoint, bus, pool, stop);
}

/** While a batch is applied, the next is prepared, and the one after it read. */
export function preparedFromLog(
  after: number,
  last: number,
  pool: Pool,
  prepare: (events: readonly ProjectedEvent[]) => Promise<unknown>,
  batch = BATCH,
): AsyncGenerator<Delivery> {
  return ahead(preparing(ahead(eventsFromLog(after, last, pool, batch)), prepare));
}

async function* preparing(
  deliveries: AsyncGenerator<Delivery>,
  prepare: (events: readonly ProjectedEvent[]) => Promise<unknown>,
): AsyncGenerator<Delivery> {
  for await (const delivery of deliveries) {
    const prepared = prepare(delivery.events);
    prepared.catch(() => undefined);
    yield { ...delivery, prepared };
  }
}

async function* eventsFromLog(
  after: number,
  last: number,
  pool: Pool,
  batch: number,
): AsyncGenerator<Delivery> {
  for (let position = after; position < last;) {
    const events = await readForward(pool, position, Math.min(batch, last - position));
    if (events.length === 0 || events.at(-1)!.position !== position + events.length) {
      throw new ProjectionStop('LOG_DAMAGED', position + 1, `the log misses an event behind ${position}`);
    }
    position += events.length;
    yield delivery(events, eventFromLog, () => undefined);
  }
}

async function* eventsFromStream(
  projection: string,
  from: number,
  log: LogIdentity,
  bus: NatsConnection,
  pool: Pool,
  stop: AbortSignal,
): AsyncGenerator<Delivery> {
  const feed = await Feed.open(bus, projection, from, AHEAD);
  stop.addEventListener('abort', feed.close, { once: true });
  try {
    if (feed.startedAtTheEnd) yield { events: [], done: () => undefined };
    while (!stop.aborted) {
      const messages = await feed.read(BATCH);
      const recorded =
        messages.length > 0 ? await readForward(pool, messages[0]!.seq - 1, messages.length) : [];
      yield delivery(
        messages,
        (message, i) => eventFromBus(message, recorded[i], log),
        (last) => last.ack(),
      );
      if (messages.length < BATCH) await sleep(PAUSE_MS, undefined, { signal: stop }).catch(() => undefined);
    }
  } finally {
    stop.removeEventListener('abort', feed.close);
    feed.close();
  }
}

function delivery<Source>(
  sources: readonly Source[],
  read: (source: Source, i: number) => ProjectedEvent,
  done: (last: Source) => void,
): Delivery {
  const events: ProjectedEvent[] = [];
  const last = sources.at(-1);
  const whenDone = () => last && done(last);
  try {
    for (const [i, source] of sources.entries()) events.push(read(source, i));
  } catch (error) {
    if (!(error instanceof ProjectionStop)) throw error;
    return { events, stop: error, done: whenDone };
  }
  return { events, done: whenDone };
}

/** Throws while the stream has not reached the checkpoint: it is being made, or filled again. */
async function firstFromStream(
  checkpoint: CheckpointPosition,
  bus: NatsConnection,
  pool: Pool,
): Promise<number> {
  const manager = await jetstreamManager(bus);
  const { position } = checkpoint;
  const last = (await streamInfo(manager))?.state.last_seq;
  if (last === undefined) throw new Error('there is no stream yet');
  if (last < position) throw new Error(`the stream, at ${last}, has not reached the checkpoint ${position}`);
  const applied = position > 0 && (await manager.streams.getMessage(STREAM, { seq: position }));
  if (applied && !isEventAt(applied, checkpoint)) {
    waitForEpoch(applied.header.get('Signoff-Log'), checkpoint);
    throw new ProjectionStop('EVENT_FOREIGN', position, 'the stream has another event here than was applied');
  }
  if (last - position > FAR_BEHIND) return Math.min(last, (await readHead(pool)).position) + 1;
  const firstFrom = { seq: position + 1, next_by_subj: ALL_EVENTS };
  const next = await manager.streams.getMessage(STREAM, firstFrom);
  return next ? next.seq : last + 1;
}

function isEventAt({ header }: StoredMsg, at: CheckpointPosition): boolean {
  return (
    header.get('Signoff-Log') === logHeader(at) && header.get('Signoff-Hash') === at.hash.toString('hex')
  );
}
