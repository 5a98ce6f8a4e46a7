import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { SessionCredentials } from '../dist/apps/sessions-api/src/access/session-credentials.js';
import { SigningKeys } from '../dist/apps/sessions-api/src/access/signing-keys.js';
import { createPool } from '../dist/libs/event-log/src/connection.js';
import { MasterKey } from '../dist/libs/event-log/src/master-key.js';
import { accountOf, sessionOf } from './seed.mjs';
import { startServer } from './stack.mjs';

const API = 'dist/apps/sessions-api/src/main.js';
const PROJECTOR = 'dist/apps/session-projector/src/main.js';

/** API processes and a projector, as production runs them, over whatever log is there. */
export async function startService({ env, databaseUrl }, { apis: count = 1 } = {}) {
  const bootstrap = randomBytes(32).toString('base64url');
  const variables = { ...env, RATE_LIMIT_PER_MINUTE: '1000000000', BOOTSTRAP_SERVICE_KEY: bootstrap };
  const apis = [await startServer(API, variables, '/health/ready')];
  while (apis.length < count) apis.push(await startServer(API, variables, '/health/ready'));
  const projector = await startServer(PROJECTOR, env, '/health/ready');
  const pool = createPool(databaseUrl, { max: 2 });
  const keys = new SigningKeys(pool, new MasterKey(Buffer.from(env.MASTER_KEY, 'base64')));
  await keys.start();
  const credentials = new SessionCredentials(keys, 'signoff', undefined);

  const makeKey = async (asked) => {
    const answer = await fetch(`${apis[0].url}/api/keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${bootstrap}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'bench', ...asked }),
    });
    if (!answer.ok) throw new Error(await answer.text());
    return (await answer.json()).data.key;
  };

  return {
    apis,
    projector,
    pool,
    /** Of session n, which belongs to account n. */
    credentialOf: (n, times) =>
      credentials.sign({ sessionId: sessionOf(n), accountId: accountOf(n), ...times }),
    serviceKey: (scopes) => makeKey({ kind: 'service', scopes }),
    accountKey: (accountId) => makeKey({ kind: 'account', accountId }),
    revocations: async () => (await pool.query('SELECT revocations FROM event_log.head')).rows[0].revocations,
    /** Until the read models have everything. */
    caughtUp: async () => {
      const behind = `SELECT max(head.position - checkpoint.position) AS events FROM event_log.head, read_model.checkpoint`;
      while ((await pool.query(behind)).rows[0].events > 0) await sleep(20);
    },
    stop: async () => {
      await Promise.all([...apis, projector].map(({ stop }) => stop()));
      await pool.end();
    },
  };
}
