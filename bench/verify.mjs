import { createHash, hash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, mkdtempSync, rmSync, statSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sessionIdFrom } from '../dist/libs/domain/src/identifier.js';
import { createClient, createPool } from '../dist/libs/event-log/src/connection.js';
import { endLine, eventLine, headerLine } from '../dist/libs/event-log/src/export-format.js';
import { GENESIS_HASH, hashEvent } from '../dist/libs/event-log/src/hash-chain.js';
import { readForward, readHead } from '../dist/libs/event-log/src/read.js';
import { verifyDatabase } from '../dist/libs/event-log/src/verify/verify-database.js';
import { verifyExport } from '../dist/libs/event-log/src/verify/verify-export.js';
import { median, sessionIssued, withStack } from './stack.mjs';

const EVENTS = Number(process.argv[2] ?? 1_000_000);
const ROUNDS = Number(process.argv[3] ?? 3);
const EVENTS_PER_ACCOUNT = 10;
const BATCH = 10_000;

/** Sessions that are issued, every third of them ended; what is sealed has the length that it mostly has. */
function* events(logId, recordedAt) {
  let [previous, revocations] = [GENESIS_HASH, 0];
  for (let position = 1; position <= EVENTS; position++) {
    const isRevocation = position % 3 === 0;
    const event = {
      ...sessionIssued(sessionIdFrom(randomBytes(16))),
      position,
      streamId: `account-${String(Math.floor((position - 1) / EVENTS_PER_ACCOUNT)).padStart(28, '0')}`,
      version: ((position - 1) % EVENTS_PER_ACCOUNT) + 1,
      type: isRevocation ? 'SessionRevoked' : 'SessionIssued',
      sealed: isRevocation ? null : randomBytes(260),
      recordedAt,
      revocation: isRevocation ? ++revocations : null,
    };
    previous = hashEvent(logId, previous, event);
    yield { ...event, hash: previous };
  }
}

async function seed(owner) {
  const { logId } = await readHead(owner);
  const now = Math.floor(Date.now() / 1_000) * 1_000;
  let last;
  let columns = Array.from({ length: 10 }, () => []);
  for (const event of events(logId, now)) {
    last = event;
    const { position, streamId, version, eventId, type, data, sealed, revocation, hash, metadata } = event;
    [position, streamId, version, eventId, type, data, sealed, revocation, hash, metadata].forEach(
      (value, i) => columns[i].push(value),
    );
    if (position % BATCH !== 0 && position !== EVENTS) continue;
    await owner.query(
      `INSERT INTO event_log.event
         (position, stream_id, version, event_id, type, schema, data, sealed, metadata, recorded_at, revocation, hash)
       SELECT position, stream_id, version, event_id, type, 1, data, sealed, metadata, $11, revocation, hash
       FROM unnest($1::bigint[], $2::text[], $3::int[], $4::uuid[], $5::text[], $6::text[], $7::bytea[], $8::bigint[],
         $9::bytea[], $10::text[]) AS e (position, stream_id, version, event_id, type, data, sealed, revocation, hash, metadata)`,
      [...columns, new Date(now).toISOString()],
    );
    columns = columns.map(() => []);
  }
  await owner.query(
    `INSERT INTO event_log.stream (stream_id, version, position)
     SELECT stream_id, max(version), max(position) FROM event_log.event GROUP BY stream_id`,
  );
  await owner.query(
    `UPDATE event_log.head SET position = $1, hash = $2, recorded_at = $3,
       revocations = (SELECT max(revocation) FROM event_log.event)`,
    [last.position, last.hash, new Date(now).toISOString()],
  );
  await owner.query('VACUUM (ANALYZE) event_log.event, event_log.stream');
}

async function writeExport(pool, file) {
  const { logId, epoch } = await readHead(pool);
  const out = createWriteStream(file);
  out.write(headerLine({ logId, epoch, after: 0, filter: null }));
  let [previousHash, position] = [GENESIS_HASH, 0];
  for (;;) {
    const batch = await readForward(pool, position, BATCH);
    if (batch.length === 0) break;
    let text = '';
    for (const event of batch) {
      text += eventLine({ event, previousHash });
      previousHash = event.hash;
    }
    position = batch.at(-1).position;
    if (!out.write(text)) await once(out, 'drain');
  }
  out.end(endLine({ events: position, position }));
  await once(out, 'finish');
}

/** The bytes that the hashes are of, hashed and nothing else: each event's alone, and all of them in one go. */
async function bare(pool) {
  let [bytes, position] = [0, 0];
  const texts = [];
  while (texts.length < EVENTS) {
    const batch = await readForward(pool, position, BATCH);
    for (const event of batch) {
      const { streamId, type, data, metadata, sealed, revocation } = event;
      const length =
        49 +
        44 +
        48 +
        (revocation === null ? 0 : 8) +
        (sealed?.length ?? 0) +
        [streamId, type, data, metadata].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
      texts.push(length);
      bytes += length;
    }
    position = batch.at(-1).position;
  }
  const block = randomBytes(4_096);
  const alone = performance.now();
  for (const length of texts) hash('sha256', block.subarray(0, length), 'buffer');
  const perEvent = (performance.now() - alone) / 1_000;
  const together = performance.now();
  const one = createHash('sha256');
  for (let left = bytes; left > 0; left -= block.length)
    one.update(block.subarray(0, Math.min(left, block.length)));
  one.digest();
  return { bytes, perEvent, inOneGo: (performance.now() - together) / 1_000 };
}

await withStack(async ({ ownerUrl, databaseUrl }) => {
  const owner = createPool(ownerUrl, { max: 1 });
  const folder = mkdtempSync(join(tmpdir(), 'signoff-bench-'));
  const file = join(folder, 'trail.ndjson');
  try {
    await seed(owner);
    await writeExport(owner, file);
    console.log(`${EVENTS} events; the export has ${Math.round(statSync(file).size / 1e6)} MB`);
    const results = { database: [], file: [], perEvent: [], inOneGo: [] };
    let bytes;
    for (let round = 1; round <= ROUNDS; round++) {
      const client = createClient(databaseUrl);
      await client.connect();
      const cpu = process.cpuUsage();
      let start = performance.now();
      const found = await verifyDatabase(client);
      const database = (performance.now() - start) / 1_000;
      const own = process.cpuUsage(cpu).user / 1e6;
      await client.end();
      start = performance.now();
      const exported = await verifyExport(
        createReadStream(file, { highWaterMark: 1 << 20, encoding: 'utf8' }),
      );
      const fromFile = (performance.now() - start) / 1_000;
      for (const one of [found, exported]) {
        if (one.findingCount > 0 || one.events !== EVENTS) throw new Error(JSON.stringify(one.findings[0]));
      }
      const least = await bare(owner);
      bytes = least.bytes;
      results.database.push(database);
      results.file.push(fromFile);
      results.perEvent.push(least.perEvent);
      results.inOneGo.push(least.inOneGo);
      console.log(
        `round ${round}: database ${database.toFixed(1)} s (${own.toFixed(1)} s of it this process), export ${fromFile.toFixed(1)} s, ` +
          `bare SHA-256 ${least.perEvent.toFixed(2)} s event by event, ${least.inOneGo.toFixed(2)} s in one go; ` +
          `resident ${Math.round(process.memoryUsage().rss / 1e6)} MB`,
      );
    }
    const [database, fromFile, perEvent, inOneGo] = Object.values(results).map(median);
    console.log(`${(bytes / EVENTS).toFixed(0)} bytes are hashed of an event`);
    for (const [name, seconds] of [
      ['database', database],
      ['export', fromFile],
    ]) {
      console.log(
        `${name}: ${Math.round(EVENTS / seconds)} events/s; ${(seconds / perEvent).toFixed(1)} times bare SHA-256 event by event, ` +
          `${(seconds / inOneGo).toFixed(1)} times in one go`,
      );
    }
  } finally {
    await owner.end();
    rmSync(folder, { recursive: true });
  }
});
