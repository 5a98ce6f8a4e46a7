import { jetstreamManager } from '@nats-io/jetstream';
import type { LogIdentity } from '#bus/envelope.js';
import { connectBus } from '#bus/connect.js';
import { streamInfo } from '#bus/stream.js';
import type { Head } from '#event-log/head.js';
import { hashAt, readHead } from '#event-log/read.js';
import { type CheckpointPosition, readCheckpoint } from '#read-model/checkpoint.js';
import { PROJECTIONS } from '#read-model/entities/checkpoint.entity.js';
import type { Pool } from 'pg';
import { lastOfLog } from '../relay/last-of-log.js';

const NATS_ANSWERS_WITHIN_MS = 3_000;

/** How far somebody has followed the log. */
export interface Follower {
  readonly position: number;
  /** Null where it is not known: the stream does not hold its last message. */
  readonly event: CheckpointPosition | null;
  /** Whether the log still has what it followed. */
  readonly agrees: boolean;
}

export interface Found {
  readonly head: Head;
  /** By projection: those that have begun. */
  readonly readModels: ReadonlyMap<string, Follower>;
  /** Null: there is none. */
  readonly stream: Follower | null | 'not looked at';
  readonly whyNot?: string;
}

export async function look(pool: Pool, natsUrl: string | undefined): Promise<Found> {
  const checkpoints = await Promise.all(PROJECTIONS.map((projection) => readCheckpoint(pool, projection)));
  const stream = await streamPosition(natsUrl).catch((error: Error) => error);
  // Read last: a log that is then behind has lost something.
  const head = await readHead(pool);
  const readModels = new Map<string, Follower>();
  for (const [i, checkpoint] of checkpoints.entries()) {
    if (!checkpoint) continue;
    readModels.set(PROJECTIONS[i]!, await follower(pool, head, checkpoint.position, checkpoint));
  }
  if (stream instanceof Error) return { head, readModels, stream: 'not looked at', whyNot: stream.message };
  return { head, readModels, stream: stream && (await follower(pool, head, stream.position, stream.mark)) };
}

/** Greater than that of anybody who followed the log, also where an older copy was put back before. */
export function nextEpoch({ head, readModels, stream }: Found): number {
  const followers = [...readModels.values(), stream === 'not looked at' ? null : stream];
  const known = followers.flatMap((one) => one?.event ?? []);
  const ofThisLog = known.filter(({ logId }) => logId === head.logId).map(({ epoch }) => epoch);
  return Math.max(head.epoch, ...ofThisLog) + 1;
}

async function follower(
  pool: Pool,
  head: Head,
  position: number,
  event: CheckpointPosition | null,
): Promise<Follower> {
  const isThisEpochs = (log: LogIdentity) => log.logId === head.logId && log.epoch === head.epoch;
  const sameEvent =
    !event || event.position === 0 || (await hashAt(pool, event.position))?.equals(event.hash) === true;
  const agrees = position <= head.position && (!event || isThisEpochs(event)) && sameEvent;
  return { position, event, agrees };
}

async function streamPosition(natsUrl: string | undefined) {
  if (natsUrl === undefined) throw new Error('NATS_URL is not set');
  const connection = await connectBus(natsUrl, 'signoff-new-epoch', {
    timeout: NATS_ANSWERS_WITHIN_MS,
    waitOnFirstConnect: false,
    reconnect: false,
  });
  try {
    const manager = await jetstreamManager(connection, { timeout: NATS_ANSWERS_WITHIN_MS });
    const stream = await streamInfo(manager);
    return stream && (await lastOfLog(manager, stream.state));
  } finally {
    await connection.close();
  }
}
