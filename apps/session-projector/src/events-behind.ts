import { jetstreamManager, type StoredMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Pool } from 'pg';
import { logHeader } from '#bus/envelope.js';
import { streamInfo } from '#bus/stream.js';
import { ALL_EVENTS, STREAM } from '#bus/subjects.js';
import { readForward } from '#event-log/read.js';
import type { CheckpointPosition } from '#read-model/checkpoint.js';
import { Feed } from './feed.js';
import type { ProjectedEvent } from './projection.js';
import { ProjectionStop } from './projection-stop.js';
import { eventFromBus, eventFromLog } from './read-event.js';

const BATCH = 1_000;

export interface Delivery {
  /** Empty when there is nothing behind the checkpoint yet. */
  readonly events: readonly ProjectedEvent[];
  /** Why the event behind these cannot be handed over. */
  readonly stop?: ProjectionStop;
  /** To be called when they are applied. */
  readonly done: () => void;
}

/**
 * Every event behind a checkpoint, in order, without a gap: first from the log what the stream does not hold (any more),
 * then from the stream, until `stop` is aborted. Throws when it cannot go on, `FeedBroken` when asking again may help.
 */
export async function* eventsBehind(
  checkpoint: CheckpointPosition,
  bus: NatsConnection,
  pool: Pool,
  stop: AbortSignal,
): AsyncGenerator<Delivery> {
  const streamFrom = await firstHeldBehind(checkpoint, bus);
  let { position } = checkpoint;
  while (position < streamFrom - 1 && !stop.aborted) {
    const recorded = await readForward(pool, position, Math.min(BATCH, streamFrom - 1 - position));
    if (recorded[0]?.position !== position + 1 || recorded.at(-1)!.position !== position + recorded.length) {
      throw new ProjectionStop('LOG_DAMAGED', position + 1, `the log misses events behind ${position}`);
    }
    position += recorded.length;
    yield { ...readUntilStop(recorded, eventFromLog), done: () => undefined };
  }

  const feed = await Feed.open(bus, streamFrom, 4 * BATCH);
  stop.addEventListener('abort', feed.close, { once: true });
  try {
    if (feed.startedAtTheEnd) yield { events: [], done: () => undefined };
    for (;;) {
      const messages = await feed.read(BATCH);
      if (messages.length === 0) return;
      const read = readUntilStop(messages, (message) => eventFromBus(message, checkpoint));
      yield { ...read, done: () => messages.at(-1)!.ack() };
    }
  } finally {
    stop.removeEventListener('abort', feed.close);
    feed.close();
  }
}

/** Throws while the stream has not reached the checkpoint: it is being made, or filled again. */
async function firstHeldBehind(checkpoint: CheckpointPosition, bus: NatsConnection): Promise<number> {
  const manager = await jetstreamManager(bus);
  const { position } = checkpoint;
  const last = (await streamInfo(manager))?.state.last_seq;
  if (last === undefined) throw new Error('there is no stream yet');
  if (last < position) throw new Error(`the stream, at ${last}, has not reached the checkpoint ${position}`);
  const applied = position > 0 && (await manager.streams.getMessage(STREAM, { seq: position }));
  if (applied && !isEventAt(applied, checkpoint)) {
    throw new ProjectionStop('EVENT_FOREIGN', position, 'the stream has another event here than was applied');
  }
  const firstFrom = { seq: position + 1, next_by_subj: ALL_EVENTS };
  const next = await manager.streams.getMessage(STREAM, firstFrom);
  return next ? next.seq : last + 1;
}

function isEventAt({ header }: StoredMsg, at: CheckpointPosition): boolean {
  return (
    header.get('Signoff-Log') === logHeader(at) && header.get('Signoff-Hash') === at.hash.toString('hex')
  );
}

function readUntilStop<Source>(sources: readonly Source[], read: (source: Source) => ProjectedEvent) {
  const events: ProjectedEvent[] = [];
  try {
    for (const source of sources) events.push(read(source));
  } catch (error) {
    if (!(error instanceof ProjectionStop)) throw error;
    return { events, stop: error };
  }
  return { events };
}
