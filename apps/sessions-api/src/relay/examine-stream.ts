import type { JetStreamManager, StreamState } from '@nats-io/jetstream';
import { isMessageOf, logHeader } from '#bus/envelope.js';
import { STREAM } from '#bus/subjects.js';
import { GENESIS_HASH } from '#event-log/hash-chain.js';
import type { Head } from '#event-log/head.js';
import { hashAt, readForward } from '#event-log/read.js';
import { readCheckpoint } from '#read-model/checkpoint.js';
import { PROJECTIONS, SESSIONS_PROJECTION } from '#read-model/entities/checkpoint.entity.js';
import type { Pool } from 'pg';
import { lastOfLog } from './last-of-log.js';
import type { Mark } from './mark.js';
import { RelayRefusal } from './relay-refusal.js';

/** Why a stream has to be built again. None of it can be mended in place. */
export type Damage =
  /** Messages between the first and the last are missing. */
  | { readonly damage: 'hole'; readonly missing: number; readonly first: number; readonly last: number }
  /** Messages that no relay of this log published, the first of them at `position`. */
  | { readonly damage: 'foreign'; readonly position: number; readonly messages: number }
  /** It stores nothing any more behind `position`: see `Publication`. */
  | { readonly damage: 'files-lost'; readonly position: number }
  /** The log goes on as a new epoch, and the stream is still that of an earlier one. */
  | { readonly damage: 'earlier-epoch'; readonly epoch: number; readonly position: number };

export interface Examined {
  readonly damage: Damage | null;
  /** Of the log's event at the stream's last sequence. */
  readonly hash: Buffer;
}

/**
 * Whether a stream is the log's mirror as far as it goes. Refuses one that may be all that is left of what a log that was
 * put back has lost: that is for an operator to decide. `head` was read after `state`.
 */
export async function examineStream(
  manager: JetStreamManager,
  pool: Pool,
  head: Head,
  state: StreamState,
): Promise<Examined> {
  const { first_seq: first, last_seq: last, messages } = state;
  const { position, mark, foreign } = await lastOfLog(manager, state);
  if (mark && mark.logId === head.logId && mark.epoch < head.epoch) {
    return { damage: { damage: 'earlier-epoch', epoch: mark.epoch, position }, hash: mark.hash };
  }
  if (position > head.position) {
    throw new RelayRefusal(
      'STREAM_AHEAD_OF_LOG',
      `the stream is at ${position}, the log at ${head.position}`,
    );
  }
  const known = mark ?? (await checkpointMark(pool, head, position));
  if (known) await refuseOther(pool, head, known);
  const hash = mark?.hash ?? (await hashAt(pool, position)) ?? GENESIS_HASH;
  const missing = messages > 0 ? last - first + 1 - messages : 0;
  if (missing > 0) return { damage: { damage: 'hole', missing, first, last }, hash };
  if (foreign > 0) return { damage: { damage: 'foreign', position: position + 1, messages: foreign }, hash };
  for (const projection of PROJECTIONS) {
    const damage = await foreignBehindCheckpoint(manager, pool, head, state, projection);
    if (damage) return { damage, hash };
  }
  return { damage: null, hash };
}

async function refuseOther(pool: Pool, head: Head, { position, hash, ...log }: Mark): Promise<void> {
  const recorded = await hashAt(pool, position);
  if (logHeader(log) === logHeader(head) && recorded?.equals(hash)) return;
  throw new RelayRefusal(
    'STREAM_DIFFERS_FROM_LOG',
    `at ${position} the bus has ${logHeader(log)} ${hash.toString('hex')}, the log at ${head.position} has ${logHeader(head)} ${recorded?.toString('hex')}`,
  );
}

/** When the stream no longer holds its last message, the projector still knows what it was, if it came that far. */
async function checkpointMark(pool: Pool, head: Head, position: number): Promise<Mark | null> {
  const checkpoint = await readCheckpoint(pool, SESSIONS_PROJECTION);
  const isOfEarlierEpoch = checkpoint?.logId === head.logId && checkpoint.epoch < head.epoch;
  const comparable =
    checkpoint && checkpoint.position >= Math.max(position, 1) && checkpoint.position <= head.position;
  return comparable && !isOfEarlierEpoch ? checkpoint : null;
}

/**
 * What is foreign in the middle of the stream shows where it does harm: it is the message at which a projection stands,
 * and cannot go on. (To look at every message is to read the whole stream.)
 */
async function foreignBehindCheckpoint(
  manager: JetStreamManager,
  pool: Pool,
  head: Head,
  { first_seq: first, last_seq: last }: StreamState,
  projection: string,
): Promise<Damage | null> {
  const checkpoint = await readCheckpoint(pool, projection);
  if (!checkpoint || logHeader(checkpoint) !== logHeader(head)) return null;
  const position = checkpoint.position + 1;
  if (position < first || position > last) return null;
  const message = await manager.streams.getMessage(STREAM, { seq: position });
  // Null: it has aged out meanwhile.
  if (!message) return null;
  const [event] = await readForward(pool, position - 1, 1);
  const { subject, header: headers } = message;
  const isTheLogs = event && isMessageOf(event, head, { subject, headers, body: message.string() });
  return isTheLogs ? null : { damage: 'foreign', position, messages: 1 };
}
