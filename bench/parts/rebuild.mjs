import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sessionIdFrom } from '../../dist/libs/domain/src/identifier.js';
import { createPool } from '../../dist/libs/event-log/src/connection.js';
import { inTurns } from '../measure.mjs';
import { number, rates } from '../output.mjs';
import { ipAddressOf, times, USER_AGENTS, writeLog } from '../seed.mjs';
import { root, withStack } from '../stack.mjs';

/** Of 20 events 12 are issues (60 %, all sealed), 3 extend a session, 5 end one: lately issued or long ago. */
const KINDS = [...'IIEIRIIRIIEIRIIREIRI'];
const SESSIONS_PER_ACCOUNT = 3;

function* history(count) {
  const { issuedAt, expiresAt } = times();
  const accounts = [];
  const alive = [];
  for (let n = 0; n < count; n++) {
    const kind = alive.length === 0 ? 'I' : KINDS[n % KINDS.length];
    if (kind === 'I') {
      if (accounts.length === 0 || Math.random() < 1 / SESSIONS_PER_ACCOUNT) accounts.push(randomUUID());
      const account = accounts[Math.floor(Math.random() * accounts.length)];
      const sessionId = sessionIdFrom(randomBytes(16));
      alive.push({ account, sessionId });
      const personal = {
        ipAddress: ipAddressOf(n),
        userAgent: USER_AGENTS[n % USER_AGENTS.length],
        fingerprint: randomUUID(),
      };
      yield { account, type: 'SessionIssued', data: { sessionId, issuedAt, expiresAt }, personal };
      continue;
    }
    const among = Math.random() < 0.5 ? Math.min(2_000, alive.length) : alive.length;
    const at = alive.length - 1 - Math.floor(Math.random() * among);
    const { account, sessionId } = alive[at];
    if (kind === 'E') {
      yield { account, type: 'SessionExtended', data: { sessionId, expiresAt } };
      continue;
    }
    alive[at] = alive.at(-1);
    alive.pop();
    const data = { sessionId, reason: 'user', credentialsExpireAt: expiresAt };
    yield { account, type: 'SessionRevoked', data };
  }
}

export async function run({ smoke, rounds, warmUp }) {
  const events = smoke ? 5_000 : 500_000;
  let results;
  await withStack(async ({ ownerUrl, env, postgresPid: postgres }) => {
    const owner = createPool(ownerUrl, { max: 1 });
    await writeLog(ownerUrl, env.MASTER_KEY, history(events));
    const timed = (name, role, work) => ({
      name,
      role,
      run: async () => {
        const began = performance.now();
        await work();
        return { completed: events, seconds: (performance.now() - began) / 1_000 };
      },
    });
    const command = join(root, 'dist/apps/session-projector/src/rebuild.js');
    const rebuild = timed('Signoff', 'ours', () => promisify(execFile)(process.execPath, [command], { env }));
    let file;
    const copy = timed('floor: COPY of the rows that come of it', 'floor', () =>
      owner.query(`COPY bare FROM '${file}'`),
    );
    copy.before = async () => {
      const { rows } = await owner.query(`SELECT current_setting('data_directory') || '/bench.copy' AS file`);
      file = rows[0].file;
      await owner.query(`COPY read_model.session TO '${file}'`);
      await owner.query('DROP TABLE IF EXISTS bare');
      await owner.query('CREATE TABLE bare (LIKE read_model.session INCLUDING ALL)');
    };
    results = await inTurns([rebuild, copy], { rounds: Math.min(rounds, 3), warmUp, postgres });
    await owner.end();
  });
  return {
    title: 'A rebuild of the read model',
    about: `${number(events)} events, of which 60 % issue a session, with sealed personal data, 15 % extend one and 25 % end one.`,
    sections: [
      rates('Log to a second set of tables', [{ name: 'rebuild', results }], {
        unit: 'events/s',
        each: 'event',
        note: 'Both are counted in events of the log, though the floor only writes what is left of them.',
      }),
    ],
  };
}
