import { checkpointKeyName } from '#event-log/checkpoint.js';
import { GENESIS_HASH } from '#event-log/hash-chain.js';
import { HEAD_COLUMNS, type Head } from '#event-log/head.js';
import { POSTGRES_TIME } from '#event-log/postgres-time.js';
import type { NoteVerifier } from '#event-log/signed-note.js';
import type { ClientBase, Pool } from 'pg';

export interface StoredCheckpoint {
  /** Gapless, in the order in which they were made. */
  readonly number: number;
  readonly epoch: number;
  readonly position: number;
  /** In milliseconds since 1970. */
  readonly madeAt: number;
  readonly note: string;
}

const COLUMNS = `number, epoch, position, note, (extract(epoch FROM made_at) * 1000)::bigint AS "madeAt"`;

export async function latestCheckpoint(db: Pool | ClientBase): Promise<StoredCheckpoint | undefined> {
  const { rows } = await db.query<StoredCheckpoint>({
    name: 'checkpoint-latest',
    text: `SELECT ${COLUMNS} FROM event_log.checkpoint ORDER BY number DESC LIMIT 1`,
  });
  return rows[0];
}

/** Up to `limit` behind the number `after`. */
export async function checkpointsBehind(
  pool: Pool,
  after: number,
  limit: number,
): Promise<StoredCheckpoint[]> {
  const { rows } = await pool.query<StoredCheckpoint>({
    name: 'checkpoints-behind',
    text: `SELECT ${COLUMNS} FROM event_log.checkpoint WHERE number > $1 ORDER BY number LIMIT $2`,
    values: [after, limit],
  });
  return rows;
}

/** Those of positions behind `after`, up to `last`, in the order of the log. */
export async function checkpointsBetween(
  pool: Pool,
  after: number,
  last: number,
): Promise<StoredCheckpoint[]> {
  const { rows } = await pool.query<StoredCheckpoint>({
    name: 'checkpoints-between',
    text: `SELECT ${COLUMNS} FROM event_log.checkpoint WHERE position > $1 AND position <= $2
      ORDER BY position, number`,
    values: [after, last],
  });
  return rows;
}

export async function insertCheckpoint(
  client: ClientBase,
  { number, epoch, position, note, madeAt }: StoredCheckpoint,
): Promise<void> {
  await client.query(
    'INSERT INTO event_log.checkpoint (number, epoch, position, note, made_at) VALUES ($1, $2, $3, $4, $5)',
    [number, epoch, position, note, new Date(madeAt).toISOString()],
  );
}

export interface LogNow {
  readonly head: Head;
  /** Of the event at the head's position; undefined where there is none. */
  readonly newest: Buffer | undefined;
  /** Of the event at the position that was asked for. */
  readonly earlier: Buffer | undefined;
  /** PostgreSQL's time. */
  readonly now: number;
}

/** In one statement, and without a lock: nobody who appends waits for it. */
export async function lookAtLog(db: Pool | ClientBase, position: number): Promise<LogNow> {
  const { rows } = await db.query<Head & { newest?: Buffer; earlier?: Buffer; now: number }>({
    name: 'checkpoint-log',
    text: `SELECT ${HEAD_COLUMNS},
        (SELECT hash FROM event_log.event WHERE event.position = head.position) AS newest,
        (SELECT hash FROM event_log.event WHERE event.position = $1) AS earlier,
        ${POSTGRES_TIME} AS now
      FROM event_log.head`,
    values: [position],
  });
  const { newest, earlier, now, ...head } = rows[0]!;
  const at = (hash: Buffer | null | undefined, where: number) =>
    where === 0 ? GENESIS_HASH : (hash ?? undefined);
  return { head, newest: at(newest, head.position), earlier: at(earlier, position), now };
}

/** The one that signs first, if there is one. */
export async function checkpointVerifiers(db: Pool | ClientBase, logId: string): Promise<NoteVerifier[]> {
  const { rows } = await db.query<{ publicKey: Buffer }>(
    `SELECT public_key AS "publicKey" FROM event_log.checkpoint_key
     ORDER BY wrapped_key IS NULL, created_at DESC`,
  );
  return rows.map(({ publicKey }) => ({ name: checkpointKeyName(logId), publicKey }));
}
