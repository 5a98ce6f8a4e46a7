import { jetstreamManager, type StoredMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Pool } from 'pg';
import { logHeader } from '#bus/envelope.js';
import { streamInfo } from '#bus/stream.js';
import { ALL_EVENTS, STREAM } from '#bus/subjects.js';
import { readPlainForward, readHead } from '#event-log/read.js';
import type { CheckpointPosition } from '#read-model/checkpoint.js';
import { ahead } from './ahead.js';
import type { FollowedStreams } from './followed-stream.js';
import type { ProjectedEvent, Projection } from './projection.js';
import { ProjectionStop } from './projection-stop.js';
import { eventFromLog, readable, waitForEpoch } from './read-event.js';

export const BATCH = 1_000;
const LOG_BATCH = 2_000;
/** More than so many events are read from the log, which takes less than half the time. */
const FAR_BEHIND = 5 * BATCH;

export interface Delivery {
  /** Empty when there is nothing behind the checkpoint yet. */
  readonly events: readonly ProjectedEvent[];
  /** What the projection has made of them already. */
  readonly prepared?: Promise<unknown>;
}

/**
 * Every event behind a checkpoint, in order, without a gap: first what the stream does not hold (any more), or all that it
 * has where that is much, from the log; then what it delivers, until `stop` is aborted. Throws when it cannot go on, behind
 * the last event that can be handed over; `FeedBroken` when asking again may help.
 */
export async function* eventsBehind(
  projection: Projection,
  checkpoint: CheckpointPosition,
  streams: FollowedStreams,
  bus: NatsConnection,
  pool: Pool,
  stop: AbortSignal,
): AsyncGenerator<Delivery> {
  const { position, logId } = checkpoint;
  const fromLog = (after: number, last: number) =>
    preparedFromLog(after, last, pool, (events) => projection.prepare(events, logId));
  const streamFrom = await firstFromStream(checkpoint, bus, pool);
  yield* fromLog(position, streamFrom - 1);
  const stream = await streams.from(streamFrom, checkpoint, bus);
  yield* stream.behind(streamFrom - 1, fromLog, stop);
}

/** While a batch is applied, the next is prepared, and the one after it read. */
export function preparedFromLog(
  after: number,
  last: number,
  pool: Pool,
  prepare: (events: readonly ProjectedEvent[]) => Promise<unknown>,
): AsyncGenerator<Delivery> {
  return ahead(preparing(ahead(eventsFromLog(after, last, pool)), prepare));
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

async function* eventsFromLog(after: number, last: number, pool: Pool): AsyncGenerator<Delivery> {
  for (let position = after; position < last;) {
    const events = await readPlainForward(pool, position, Math.min(LOG_BATCH, last - position));
    if (events.length === 0 || events.at(-1)!.position !== position + events.length) {
      throw new ProjectionStop('LOG_DAMAGED', position + 1, `the log misses an event behind ${position}`);
    }
    position += events.length;
    const [read, stop] = readable(events, eventFromLog);
    yield { events: read };
    if (stop) throw stop;
  }
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
