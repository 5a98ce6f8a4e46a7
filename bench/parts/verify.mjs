import { createHash, hash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { createClient, createPool } from '../../dist/libs/event-log/src/connection.js';
import { endLine, eventLine, headerLine } from '../../dist/libs/event-log/src/export-format.js';
import { GENESIS_HASH } from '../../dist/libs/event-log/src/hash-chain.js';
import { readForward, readHead } from '../../dist/libs/event-log/src/read.js';
import { verifyDatabase } from '../../dist/libs/event-log/src/verify/verify-database.js';
import { verifyExport } from '../../dist/libs/event-log/src/verify/verify-export.js';
import { inTurns } from '../measure.mjs';
import { number, rates } from '../output.mjs';
import { accountOf, sessionOf, sessionsIssued, times, writeLog } from '../seed.mjs';
import { withStack } from '../stack.mjs';

const BATCH = 10_000;
/** Format, log id, previous hash, lengths, numbers and the event's id. */
const BESIDE_TEXTS = 141;

/** Sessions that are issued, and half of them ended. */
function* history(count) {
  const [accounts, issued, when] = [count / 10, count / 1.5, times()];
  yield* sessionsIssued(accounts, issued, when);
  for (let n = 0; n < count - issued; n++) {
    const data = { sessionId: sessionOf(n), reason: 'user', credentialsExpireAt: when.expiresAt };
    yield { account: accountOf(n % accounts), type: 'SessionRevoked', data };
  }
}

/** The export of the whole trail, and how long the text is that each of its events was hashed from. */
async function writeExport(pool, file) {
  const { logId, epoch } = await readHead(pool);
  const out = createWriteStream(file);
  const lengths = [];
  out.write(headerLine({ logId, epoch, after: 0, filter: null }));
  for (let previousHash = GENESIS_HASH; ;) {
    const batch = await readForward(pool, lengths.length, BATCH);
    if (batch.length === 0) break;
    let text = '';
    for (const event of batch) {
      text += eventLine({ event, previousHash });
      previousHash = event.hash;
      const { streamId, type, data, metadata, sealed, revocation } = event;
      const texts = [streamId, type, data, metadata].reduce((sum, one) => sum + Buffer.byteLength(one), 0);
      lengths.push(BESIDE_TEXTS + texts + (sealed?.length ?? 0) + (revocation === null ? 0 : 8));
    }
    if (!out.write(text)) await once(out, 'drain');
  }
  out.end(endLine({ events: lengths.length, position: lengths.length }));
  await once(out, 'finish');
  return lengths;
}

export async function run({ smoke, rounds, warmUp }) {
  const events = smoke ? 6_000 : 600_000;
  let [results, bytes] = [];
  await withStack(async ({ ownerUrl, databaseUrl, folder, env, postgresPid: postgres }) => {
    const owner = createPool(ownerUrl, { max: 1 });
    await writeLog(ownerUrl, env.MASTER_KEY, history(events));
    const file = join(folder, 'trail.ndjson');
    const lengths = await writeExport(owner, file);
    bytes = lengths.reduce((sum, length) => sum + length, 0) / events;
    const block = randomBytes(8_192);

    const ways = {
      'Signoff: the database': async () => {
        const client = createClient(databaseUrl);
        await client.connect();
        requireGood(await verifyDatabase(client), events);
        await client.end();
      },
      'Signoff: an export': async () =>
        requireGood(
          await verifyExport(createReadStream(file, { highWaterMark: 1 << 20, encoding: 'utf8' })),
          events,
        ),
      'floor: SHA-256 of the same bytes, event by event': () => {
        for (const length of lengths) hash('sha256', block.subarray(0, length), 'buffer');
      },
      'floor: SHA-256 of the same bytes in one go': () => {
        const one = createHash('sha256');
        for (const length of lengths) one.update(block.subarray(0, length));
        one.digest();
      },
    };
    results = await inTurns(
      Object.entries(ways).map(([name, work]) => ({
        name,
        role: name.startsWith('floor') ? 'floor' : 'ours',
        pid: process.pid,
        run: async () => {
          const began = performance.now();
          await work();
          return { completed: events, seconds: (performance.now() - began) / 1_000 };
        },
      })),
      { rounds: Math.min(rounds, 3), warmUp, postgres },
    );
    await owner.end();
  });
  return {
    title: 'Verification of the log',
    about: `${number(events)} events, of each of which ${number(bytes)} bytes are hashed.`,
    sections: [rates('All of it', [{ name: 'verify', results }], { unit: 'events/s', each: 'event' })],
  };
}

function requireGood({ findingCount, findings, events: found }, events) {
  if (findingCount > 0 || found !== events) throw new Error(JSON.stringify(findings[0] ?? found));
}
