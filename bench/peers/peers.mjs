import { createHash, createHmac } from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { Redis } from 'ioredis';
import { createPool } from '../../dist/libs/event-log/src/connection.js';
import { freePort } from '../../dist/stack/src/free-port.js';
import { requireInstalled } from '../load/installed.mjs';
import { sendAll } from '../load/http-client.mjs';
import { Supply } from '../requests.mjs';
import { accountOf, ipAddressOf, USER_AGENTS } from '../seed.mjs';
import { startServer, tie } from '../stack.mjs';

const SECRET = 'a secret of the bench that is long enough';
const DAY_MS = 86_400_000;

/** The public name of session n with a peer, which is also its secret. */
const tokenOf = (n) => createHash('md5').update(`session ${n}`).digest('hex');
const signed = (text, encoding = 'base64') => createHmac('sha256', SECRET).update(text).digest(encoding);

const SEED = `
  INSERT INTO "user" (id, name, email, "emailVerified", "createdAt", "updatedAt")
  SELECT id, id, id || '@example.com', true, now(), now()
  FROM (SELECT 'user-' || lpad(n::text, 8, '0') AS id FROM generate_series(0, $1::int - 1) AS n) AS users`;

const SEED_SESSIONS = `
  INSERT INTO session (id, "userId", token, "expiresAt", "createdAt", "updatedAt", "ipAddress", "userAgent")
  SELECT 'id-' || n, 'user-' || lpad((n % $1)::text, 8, '0'), md5('session ' || n), now() + interval '7 days', now(), now(),
    '198.51.' || (n / 256) % 256 || '.' || n % 256, ($3::text[])[n % 4 + 1]
  FROM generate_series(0, $2::int - 1) AS n`;

const SEED_WEB_SESSIONS = `
  INSERT INTO web_session (sid, sess, expire)
  SELECT md5('session ' || n), json_build_object('accountId', 'user-' || lpad((n % $1)::text, 8, '0'), 'ipAddress',
      '198.51.' || (n / 256) % 256 || '.' || n % 256, 'userAgent', ($3::text[])[n % 4 + 1], 'cookie', json_build_object(
      'originalMaxAge', 604800000, 'expires', to_char(now() + interval '7 days', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
      'httpOnly', true, 'path', '/')),
    now() + interval '7 days'
  FROM generate_series(0, $2::int - 1) AS n`;

const head = (method, path, cookie, more = '') =>
  `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: ${cookie}\r\n${more}`;

/**
 * better-auth (without and with Redis), @fastify/session and express-session, with as many sessions as ours, in a database of
 * the same server. Each of them as its documentation has it for production.
 */
export async function startPeers({ env, ownerUrl, folder }, shape) {
  const owner = createPool(ownerUrl, { max: 1 });
  await owner.query('CREATE DATABASE peers');
  const peersUrl = ownerUrl.replace(/\/[^/]*$/, '/peers');
  const variables = { ...env, PEERS_URL: peersUrl, PEERS_SECRET: SECRET };
  const pool = createPool(peersUrl, { max: 1 });
  const redis = await startRedis(folder);

  const table = import.meta.resolve('connect-pg-simple/table.sql');
  await pool.query((await readFile(new URL(table), 'utf8')).replaceAll('"session"', 'web_session'));
  const start = (name, more) =>
    startServer(`bench/peers/${name}.server.mjs`, { ...variables, ...more }, '/ok');
  const betterAuth = await startServer('bench/peers/better-auth.server.mjs', variables, '/api/auth/ok');
  const withRedis = await startServer(
    'bench/peers/better-auth.server.mjs',
    { ...variables, REDIS_URL: redis.url },
    '/api/auth/ok',
  );
  const sessions = shape.accounts * shape.perAccount;
  await pool.query(SEED, [shape.accounts]);
  await pool.query(SEED_SESSIONS, [shape.accounts, sessions, USER_AGENTS]);
  await pool.query(SEED_WEB_SESSIONS, [shape.accounts, sessions, USER_AGENTS]);
  await pool.query('VACUUM ANALYZE');
  await redis.seed(shape);

  const peers = [
    betterAuthAs('better-auth', betterAuth, shape, async () => {
      const { rows } = await pool.query('SELECT count(*) AS ended FROM session');
      return sessions - Number(rows[0].ended);
    }),
    betterAuthAs('better-auth with Redis', withRedis, shape, async () => {
      return sessions - (await redis.count('better-auth:????????????????????????????????'));
    }),
    lookUpAs('@fastify/session', await start('fastify-session'), shape, 'sessionId', ''),
    lookUpAs('express-session', await start('express-session'), shape, 'connect.sid', 's:'),
  ];
  for (const { name, port, cases } of peers) await check(name, port, cases, shape.perAccount);
  const databases = {
    cases: {},
    stop: async () => {
      await Promise.all([pool.end(), redis.stop()]);
      await owner.query('DROP DATABASE peers WITH (FORCE)');
      await owner.end();
    },
  };
  // What is started last is stopped first.
  return [databases, ...peers];
}

/** Whoever measures wrong answers measures nothing. */
async function check(name, port, { list, introspect }, perAccount) {
  for (const [asked, times] of [
    [list, perAccount],
    [introspect, 1],
  ]) {
    if (!asked) continue;
    const [{ status, body }] = await sendAll(port, asked.requests.slice(0, 1));
    const named = body.match(/"(userId|sub)":"user-00000000"/g)?.length;
    if (status !== 200 || named !== times) throw new Error(`${name}: ${status} ${body}`);
  }
}

function betterAuthAs(name, server, { accounts, perAccount, listed, one, others }, ended) {
  const cookieOf = (n) => {
    const token = tokenOf(n);
    return `better-auth.session_token=${encodeURIComponent(`${token}.${signed(token)}`)}`;
  };
  const get = (path, n) => `${head('GET', `/api/auth/${path}`, cookieOf(n))}\r\n`;
  const post = (path, n, body) => {
    const more = `Origin: ${server.url}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
    return `${head('POST', `/api/auth/${path}`, cookieOf(n), more)}\r\n${body}`;
  };
  return {
    name,
    role: 'peer',
    ...server,
    ended,
    cases: {
      list: { requests: listed.map((n) => get('list-sessions', n)) },
      introspect: { requests: listed.map((n) => get('get-session', n)) },
      'revoke one': {
        ends: 1,
        supply: new Supply(one.size, (i) => {
          const { account, session } = one.of(i);
          return post(
            'revoke-session',
            account,
            JSON.stringify({ token: tokenOf(account + session * accounts) }),
          );
        }),
      },
      'revoke others': {
        ends: perAccount - 1,
        supply: new Supply(others.size, (i) => post('revoke-other-sessions', others.of(i), '{}')),
      },
    },
  };
}

function lookUpAs(name, server, { listed }, cookie, prefix) {
  const requests = listed.map((n) => {
    const token = tokenOf(n);
    const value = `${prefix}${token}.${signed(token).replace(/=+$/, '')}`;
    return `${head('GET', '/session', `${cookie}=${encodeURIComponent(value)}`)}\r\n`;
  });
  return { name, role: 'peer', ...server, cases: { introspect: { requests } } };
}

/** As durable as it is meant to be where it is the only place that sessions stand in: each second at least. */
async function startRedis(folder) {
  requireInstalled('redis-server');
  const port = await freePort();
  const settings = ['--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'yes'];
  const child = tie(spawn('redis-server', ['--port', String(port), ...settings], { stdio: 'ignore' }));
  const url = `redis://127.0.0.1:${port}`;
  const redis = new Redis(url);
  // Until it listens.
  redis.on('error', () => undefined);
  await redis.ping();
  return {
    url,
    pid: child.pid,
    count: async (pattern) => {
      let [cursor, found] = ['0', 0];
      do {
        const [next, keys] = await redis.scan(cursor, 'MATCH', pattern, 'COUNT', 10_000);
        [cursor, found] = [next, found + keys.length];
      } while (cursor !== '0');
      return found;
    },
    seed: async ({ accounts, perAccount }) => {
      const now = Date.now();
      const [at, until] = [new Date(now).toISOString(), new Date(now + 7 * DAY_MS).toISOString()];
      for (let a = 0; a < accounts; a++) {
        const id = accountOf(a);
        const email = `${id}@example.com`;
        const user = { id, name: id, email, emailVerified: true, image: null, createdAt: at, updatedAt: at };
        const pairs = [];
        const active = [];
        for (let k = 0; k < perAccount; k++) {
          const n = a + k * accounts;
          const token = tokenOf(n);
          const session = {
            id: `id-${n}`,
            userId: id,
            token,
            expiresAt: until,
            createdAt: at,
            updatedAt: at,
            ipAddress: ipAddressOf(n),
            userAgent: USER_AGENTS[n % USER_AGENTS.length],
          };
          active.push({ token, expiresAt: now + 7 * DAY_MS });
          pairs.push(`better-auth:${token}`, JSON.stringify({ session, user }));
        }
        const sent = redis.mset(...pairs, `better-auth:active-sessions-${id}`, JSON.stringify(active));
        if (a % 500 === 0) await sent;
      }
      await redis.ping();
    },
    stop: async () => {
      redis.disconnect();
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}
