import type { ClientBase } from 'pg';
import { checkpointKeyName } from '../checkpoint.js';
import { GENESIS_HASH } from '../hash-chain.js';
import { HEAD_COLUMNS, type Head } from '../head.js';
import type { NoteVerifier } from '../signed-note.js';
import { Chain } from './chain.js';
import { CheckpointMerge, type PlaceInLog } from './checkpoint-merge.js';
import { Checkpoints } from './checkpoints.js';
import { Findings } from './findings.js';
import { byPosition } from './kept-checkpoints.js';
import { storedEvents, storedNotes, storedStreams } from './log-cursor.js';
import type { Verification, VerifyOptions } from './verification.js';

/**
 * Reads the whole log of a database as it stands at one moment, while it goes on, and changes nothing. What it finds it
 * tells; it throws only when the log cannot be read.
 */
export async function verifyDatabase(client: ClientBase, options: VerifyOptions = {}): Promise<Verification> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    return await verify(client, options);
  } finally {
    await client.query('ROLLBACK').catch(() => undefined);
  }
}

async function verify(client: ClientBase, options: VerifyOptions): Promise<Verification> {
  const { rows: heads } = await client.query<Head>(`SELECT ${HEAD_COLUMNS} FROM event_log.head`);
  const [head] = heads;
  if (!head) throw new Error('the event log has no head');
  const findings = new Findings();
  const keys = options.keys ?? (await storedKeys(client, head.logId));
  const kept = new CheckpointMerge(
    new Checkpoints(head, keys, findings),
    byPosition(options.checkpoints ?? [])[Symbol.iterator](),
  );
  const stored = new CheckpointMerge(new Checkpoints(head, keys, findings), storedNotes(client));
  const chain = new Chain(head.logId, findings);

  let before: PlaceInLog = { position: 0, hash: GENESIS_HASH };
  for await (const events of storedEvents(client)) {
    for (const event of events) {
      chain.add(event);
      if (event.hasFraction) findings.add(event.position, 'time', FRACTION);
    }
    await kept.through(events, before);
    await stored.through(events, before);
    before = events.at(-1)!;
    options.progress?.(chain.events, head.position);
  }
  if (chain.events === 0) for (const merge of [kept, stored]) await merge.through([], before);
  chain.finish(head.position === chain.position ? head.hash : null);
  compareHead(head, chain, findings);
  for await (const rows of storedStreams(client)) for (const row of rows) chain.streams.compare(row);
  chain.streams.finish();
  for (const merge of [kept, stored]) await merge.finish(chain.position);
  await checkNumbers(client, findings);

  return {
    logId: head.logId,
    epoch: head.epoch,
    events: chain.events,
    position: chain.position,
    findings: findings.inOrder(),
    findingCount: findings.count,
    keptCheckpoints: kept.checkpoints.result,
    storedCheckpoints: stored.checkpoints.result,
    unchecked: options.keys
      ? []
      : [
          'who signed the checkpoints: the keys were taken from the same database, give those that you have kept',
        ],
  };
}

const FRACTION = 'recorded_at has a fraction of a millisecond: that is never written, and no hash covers it';

function compareHead(head: Head, chain: Chain, findings: Findings): void {
  const { position, events } = chain;
  if (head.position > position) {
    findings.add(
      position + 1,
      'head',
      `is missing, and all up to ${head.position}, which the head has come to: the end was cut off`,
    );
    return;
  }
  if (head.position < position) {
    findings.add(
      head.position + 1,
      'head',
      `stands behind the head of the log, which is at ${head.position}`,
    );
    return;
  }
  const hash = events === 0 ? GENESIS_HASH : chain.hash;
  if (!hash || !head.hash.equals(hash)) {
    findings.add(position, 'head', 'the head of the log has another hash than the newest event');
  }
  if (head.revocations !== chain.revocations) {
    findings.add(
      position,
      'head',
      `the head of the log counts ${head.revocations} revocations, the events ${chain.revocations}`,
    );
  }
}

async function storedKeys(client: ClientBase, logId: string): Promise<NoteVerifier[]> {
  const { rows } = await client.query<{ publicKey: Buffer }>(
    'SELECT public_key AS "publicKey" FROM event_log.checkpoint_key',
  );
  return rows.map(({ publicKey }) => ({ name: checkpointKeyName(logId), publicKey }));
}

/** They are numbered without a gap, too: one that was taken away shows. */
async function checkNumbers(client: ClientBase, findings: Findings): Promise<void> {
  const { rows } = await client.query<{ count: number; last: number }>(
    'SELECT count(*) AS count, coalesce(max(number), 0) AS last FROM event_log.checkpoint',
  );
  const { count, last } = rows[0]!;
  if (count !== last) {
    findings.add(null, 'checkpoint', `the database has ${count} checkpoints, the newest has number ${last}`);
  }
}
