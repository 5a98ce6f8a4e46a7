import { jetstreamManager, type JetStreamManager, type StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { ensureStream, streamInfo, type StreamSettings } from '#bus/stream.js';
import { STREAM } from '#bus/subjects.js';
import type { Head } from '#event-log/head.js';
import { firstPositionAfter, readHead } from '#event-log/read.js';
import type { Pool } from 'pg';
import { type Damage, examineStream } from './examine-stream.js';

export interface Aligned {
  readonly head: Head;
  /** The stream's last sequence, and so the log position up to which everything was published. */
  readonly position: number;
  /** Of the event there. */
  readonly hash: Buffer;
}

export interface Mending {
  /** Told before the stream is deleted; to throw is to leave it. */
  readonly damaged: (damage: Damage) => void;
  readonly deleted: () => void;
}

/**
 * Asks the stream how far it is and makes sure that it is this log's mirror up to there. A stream that was lost is
 * created again, one whose tail was lost simply stands further back, and one that is damaged is deleted and created again:
 * all are filled from the log, under the same numbers.
 */
export async function alignWithStream(
  pool: Pool,
  bus: NatsConnection,
  settings: StreamSettings,
  mending: Mending,
): Promise<Aligned> {
  const manager = await jetstreamManager(bus);
  for (;;) {
    const stream = await ensureStream(bus, manager, settings, () =>
      firstPositionAfter(pool, Date.now() - settings.maxAgeMs),
    );
    // Read after the stream was: a log that is then behind has lost something.
    const head = await readHead(pool);
    const { damage, hash } = await examineStream(manager, pool, head, stream.state);
    if (!damage) return { head, position: stream.state.last_seq, hash };
    mending.damaged(damage);
    if (await deleteUnchanged(manager, stream)) mending.deleted();
  }
}

/**
 * Leaves a stream that somebody else has mended since it was examined. A relay that is frozen between the look and the
 * deletion deletes a healthy one: that costs filling it once more, and loses nothing.
 */
export async function deleteUnchanged(manager: JetStreamManager, examined: StreamInfo): Promise<boolean> {
  const found = await streamInfo(manager);
  const isUnchanged =
    found?.created === examined.created &&
    found.state.last_seq === examined.state.last_seq &&
    found.state.messages === examined.state.messages;
  return isUnchanged && manager.streams.delete(STREAM);
}
