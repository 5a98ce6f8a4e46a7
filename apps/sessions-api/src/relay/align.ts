import { jetstreamManager, type StoredMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { logHeader } from '#bus/envelope.js';
import { ensureStream, type StreamSettings } from '#bus/stream.js';
import { STREAM } from '#bus/subjects.js';
import type { Head } from '#event-log/head.js';
import { firstPositionAfter, readForward, readHead } from '#event-log/read.js';
import { readCheckpoint } from '#read-model/checkpoint.js';
import { SESSIONS_PROJECTION } from '#read-model/entities/checkpoint.entity.js';
import type { Pool } from 'pg';
import { RelayRefusal } from './relay-refusal.js';

export interface Aligned {
  readonly head: Head;
  /** The stream's last sequence, and so the log position up to which everything was published. */
  readonly position: number;
}

/**
 * Asks the stream how far it is and makes sure that it is this log's mirror up to there. A stream that was lost is
 * created again, one whose tail was lost simply stands further back: both are filled from the log.
 */
export async function alignWithStream(
  pool: Pool,
  bus: NatsConnection,
  settings: StreamSettings,
): Promise<Aligned> {
  const manager = await jetstreamManager(bus);
  const { state } = await ensureStream(bus, manager, settings, () =>
    firstPositionAfter(pool, Date.now() - settings.maxAgeMs),
  );
  // Read after the stream was: a log that is then behind has lost something.
  const head = await readHead(pool);
  const position = state.last_seq;
  if (position > head.position) {
    throw new RelayRefusal(
      'STREAM_AHEAD_OF_LOG',
      `the stream is at ${position}, the log at ${head.position}`,
    );
  }
  const last = position > 0 ? await manager.streams.getMessage(STREAM, { seq: position }) : null;
  const found = last ? markOf(last) : await checkpointMark(pool, head, position);
  if (found) {
    const [event] = await readForward(pool, found.position - 1, 1);
    const expected = { log: logHeader(head), hash: event?.hash.toString('hex') };
    if (found.log !== expected.log || found.hash !== expected.hash) {
      throw new RelayRefusal(
        'STREAM_DIFFERS_FROM_LOG',
        `at ${found.position} the bus has ${found.log} ${found.hash}, the log at ${head.position} has ${expected.log} ${expected.hash}`,
      );
    }
  }
  return { head, position };
}

interface Mark {
  readonly position: number;
  readonly log: string;
  readonly hash: string;
}

function markOf({ seq, header }: StoredMsg): Mark {
  return { position: seq, log: header.get('Signoff-Log'), hash: header.get('Signoff-Hash') };
}

/** When the stream no longer holds its last message, the projector still knows what it was, if it came that far. */
async function checkpointMark(pool: Pool, head: Head, position: number): Promise<Mark | null> {
  const checkpoint = await readCheckpoint(pool, SESSIONS_PROJECTION);
  const comparable =
    checkpoint && checkpoint.position >= Math.max(position, 1) && checkpoint.position <= head.position;
  return comparable
    ? { position: checkpoint.position, log: logHeader(checkpoint), hash: checkpoint.hash.toString('hex') }
    : null;
}
