import { execFile } from 'node:child_process';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sessionIdFrom } from '../dist/libs/domain/src/identifier.js';
import { createPool } from '../dist/libs/event-log/src/connection.js';
import { MasterKey } from '../dist/libs/event-log/src/master-key.js';
import { readHead } from '../dist/libs/event-log/src/read.js';
import { createSubjectKey, seal } from '../dist/libs/event-log/src/sealing.js';
import { median, root, sessionIssued, withStack } from './stack.mjs';

const EVENTS = Number(process.argv[2] ?? 1_000_000);
const ROUNDS = Number(process.argv[3] ?? 3);
/** Of 20 events 12 are issues (60 %, all sealed), 3 extend a session, 5 end one: lately issued or long ago. */
const KINDS = [...'IIEIRIIRIIEIRIIREIRI'];
const SESSIONS_PER_ACCOUNT = 3;
const BATCH = 10_000;

const USER_AGENTS = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
  'Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
];

/** A log as the API writes it, but for the hashes, which a rebuild only compares. */
async function* events(masterKey, logId) {
  const accounts = [];
  const alive = [];
  const anyAlive = () => {
    const recent = Math.random() < 0.5 ? 2_000 : alive.length;
    return alive.length - 1 - Math.floor(Math.random() * Math.min(recent, alive.length));
  };
  for (let position = 1; position <= EVENTS; position++) {
    const kind = alive.length === 0 ? 'I' : KINDS[position % KINDS.length];
    if (kind === 'I') {
      if (accounts.length === 0 || Math.random() < 1 / SESSIONS_PER_ACCOUNT) {
        const key = createSubjectKey(masterKey, '2026-11-01');
        accounts.push({ streamId: `account-${randomUUID()}`, version: 0, key, isNew: true });
      }
      const account = accounts[Math.floor(Math.random() * accounts.length)];
      const sessionId = sessionIdFrom(randomBytes(16));
      const event = sessionIssued(sessionId);
      const data = {
        ipAddress: `203.0.113.${position % 256}`,
        userAgent: USER_AGENTS[position % USER_AGENTS.length],
        fingerprint: randomUUID(),
      };
      const place = { logId, streamId: account.streamId, eventId: event.eventId, type: event.type };
      alive.push({ account, sessionId });
      yield { ...event, account, sealed: seal(data, account.key, masterKey, place) };
      continue;
    }
    const at = anyAlive();
    const { account, sessionId } = alive[at];
    const end = '2027-01-25T08:00:00.000Z';
    if (kind === 'R') {
      alive[at] = alive.at(-1);
      alive.pop();
    }
    const more =
      kind === 'R'
        ? { type: 'SessionRevoked', data: { sessionId, reason: 'user', credentialsExpireAt: end } }
        : { type: 'SessionExtended', data: { sessionId, expiresAt: end } };
    yield { ...sessionIssued(sessionId), ...more, data: JSON.stringify(more.data), account };
  }
}

async function seed(owner, masterKey) {
  const { logId } = await readHead(owner);
  const columns = () => Array.from({ length: 8 }, () => []);
  let [batch, keys, position, revocations] = [columns(), columns(), 0, 0];
  const write = async () => {
    await owner.query(
      `INSERT INTO event_log.subject_key (stream_id, key_id, wrapped_key, month, master_key_id)
       SELECT k.*, '2026-11-01', $4 FROM unnest($1::text[], $2::uuid[], $3::bytea[]) AS k`,
      [...keys.slice(0, 3), masterKey.id],
    );
    await owner.query(
      `INSERT INTO event_log.event
         (position, stream_id, version, event_id, type, schema, data, sealed, metadata, recorded_at, revocation, hash)
       SELECT position, stream_id, version, event_id, type, 1, data, sealed, $9, now(), revocation,
         sha256(position::text::bytea)
       FROM unnest($1::bigint[], $2::text[], $3::int[], $4::uuid[], $5::text[], $6::text[], $7::bytea[], $8::bigint[])
         AS e (position, stream_id, version, event_id, type, data, sealed, revocation)`,
      [...batch, sessionIssued('').metadata],
    );
    [batch, keys] = [columns(), columns()];
  };
  for await (const { account, eventId, type, data, sealed } of events(masterKey, logId)) {
    const revocation = type === 'SessionRevoked' ? ++revocations : null;
    const row = [++position, account.streamId, ++account.version, eventId, type, data, sealed, revocation];
    row.forEach((value, i) => batch[i].push(value));
    if (account.isNew) {
      account.isNew = false;
      [account.streamId, account.key.keyId, account.key.wrappedKey].forEach((value, i) =>
        keys[i].push(value),
      );
    }
    if (position % BATCH === 0) await write();
  }
  await write();
  await owner.query('UPDATE event_log.head SET position = $1, revocations = $2, hash = $3', [
    position,
    revocations,
    createHash('sha256').update(String(position)).digest(),
  ]);
  await owner.query('VACUUM (ANALYZE) event_log.event, event_log.subject_key');
}

await withStack(async ({ ownerUrl, env }) => {
  const owner = createPool(ownerUrl, { max: 1 });
  const seconds = async (work) => {
    const start = performance.now();
    await work();
    return (performance.now() - start) / 1_000;
  };
  const seeding = await seconds(() => seed(owner, new MasterKey(Buffer.from(env.MASTER_KEY, 'base64'))));
  console.log(`${EVENTS} events in the log after ${seeding.toFixed(1)} s`);

  const command = join(root, 'dist/apps/session-projector/src/rebuild.js');
  const results = { rebuild: [], copy: [] };
  let rows;
  for (let round = 1; round <= ROUNDS; round++) {
    const rebuild = await seconds(async () => {
      const { stdout } = await promisify(execFile)(process.execPath, [command], { env });
      if (round === 1) console.log(stdout.trimEnd().replaceAll(/^/gm, '    '));
    });
    const { rows: answer } = await owner.query(
      `SELECT current_setting('data_directory') || '/bench.copy' AS file, count(*) AS n FROM read_model.session`,
    );
    rows = answer[0].n;
    await owner.query(`COPY read_model.session TO '${answer[0].file}'`);
    await owner.query('DROP TABLE IF EXISTS bare; CREATE TABLE bare (LIKE read_model.session INCLUDING ALL)');
    const copy = await seconds(() => owner.query(`COPY bare FROM '${answer[0].file}'`));
    console.log(`round ${round}: rebuild ${rebuild.toFixed(1)} s, bare COPY ${copy.toFixed(2)} s`);
    results.rebuild.push(rebuild);
    results.copy.push(copy);
  }
  const [rebuild, copy] = [median(results.rebuild), median(results.copy)];
  console.log(
    `${EVENTS} events to ${rows} rows: median ${rebuild.toFixed(1)} s, ${Math.round(EVENTS / rebuild)} events/s`,
  );
  console.log(`a bare COPY of the same rows:      median ${copy.toFixed(2)} s`);
  console.log(`ratio of medians: ${(rebuild / copy).toFixed(1)}`);
  await owner.end();
});
