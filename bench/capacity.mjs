import { randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { createPool } from '../dist/libs/event-log/src/connection.js';
import { startProcess, withStack } from './stack.mjs';

const SESSIONS = Number(process.argv[2] ?? 100_000);
const PER_ACCOUNT = 3;
const CLIENTS = 32;
const BOOTSTRAP_SERVICE_KEY = randomBytes(32).toString('base64url');
const USER_AGENT =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36';
const TABLES = ['event', 'stream', 'subject_key', 'command'].map((name) => `event_log.${name}`);

/** Real processes are given real commands; then what there is more of on disk is divided by what there is more of. */
await withStack(async ({ ownerUrl, natsUrl, natsPid, env }) => {
  const owner = createPool(ownerUrl, { max: 1 });
  const bus = await connect({ servers: natsUrl });
  const manager = await jetstreamManager(bus);
  const processes = {
    api: await startProcess(
      'sessions-api',
      { ...env, RATE_LIMIT_PER_MINUTE: '0', BOOTSTRAP_SERVICE_KEY },
      'api.listening',
    ),
    projector: await startProcess('session-projector', env, 'projector.started'),
  };
  const { url } = processes.api;

  async function call(method, path, body) {
    const answer = await fetch(url + path, {
      method,
      headers: {
        authorization: `Bearer ${BOOTSTRAP_SERVICE_KEY}`,
        'content-type': 'application/json',
        'idempotency-key': randomUUID(),
      },
      body: body && JSON.stringify(body),
    });
    const json = await answer.json();
    if (!answer.ok) throw new Error(JSON.stringify(json));
    return json.data;
  }

  async function all(items, work) {
    const began = performance.now();
    let next = 0;
    const client = async () => {
      while (next < items.length) await work(items[next++]);
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
    return Math.round(items.length / ((performance.now() - began) / 1_000));
  }

  async function caughtUp() {
    for (;;) {
      const { rows } = await owner.query(
        'SELECT bool_and(head.position = checkpoint.position) AS even FROM event_log.head, read_model.checkpoint',
      );
      if (rows[0]?.even) return;
      await sleep(100);
    }
  }

  const memory = async (pid) =>
    Math.round(Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))[1]) / 1_024);

  async function measure(what, rate) {
    await caughtUp();
    const sizes = {};
    for (const table of [...TABLES, 'read_model.session']) {
      const { rows } = await owner.query(
        `SELECT count(*) AS rows, pg_total_relation_size($1) AS bytes, pg_indexes_size($1) AS indexes FROM ${table}`,
        [table],
      );
      sizes[table] = rows[0];
    }
    const { bytes, messages } = (await manager.streams.info('SESSIONS')).state;
    sizes['stream SESSIONS'] = { rows: messages, bytes, indexes: 0 };
    const megabytes = await Promise.all([processes.api.pid, processes.projector.pid, natsPid].map(memory));
    console.log(
      `${what}, ${rate} a second; API, projector, nats-server hold ${megabytes.join(', ')} MB resident`,
    );
    return sizes;
  }

  const report = (before, after) => {
    for (const [name, { rows, bytes, indexes }] of Object.entries(after)) {
      const more = rows - before[name].rows;
      if (more <= 0) continue;
      const each = (now, then) => Math.round((now - then) / more);
      console.log(
        `    ${name.padEnd(20)} ${String(more).padStart(8)} more, ${each(bytes, before[name].bytes)} bytes each, ` +
          `${each(indexes, before[name].indexes)} of them indexes`,
      );
    }
  };

  const sessions = [];
  const issue = async (account) => {
    const { token } = await call('POST', '/api/sessions', {
      accountId: account,
      ipAddress: '203.0.113.9',
      userAgent: USER_AGENT,
      fingerprint: randomUUID(),
    });
    sessions.push({ account, token });
  };
  const accounts = Array.from({ length: SESSIONS / PER_ACCOUNT }, () => randomUUID());
  const issues = accounts.flatMap((account) => Array(PER_ACCOUNT).fill(account));

  let before = await measure('nothing yet', 0);
  for (const half of [issues.slice(0, issues.length / 2), issues.slice(issues.length / 2)]) {
    const after = await measure(`${half.length} sessions issued`, await all(half, issue));
    report(before, after);
    before = after;
  }
  const ended = sessions.filter((_, i) => i % 2 === 0);
  const end = ({ account, token }) => call('DELETE', `/api/accounts/${account}/sessions/${token}`);
  report(before, await measure(`${ended.length} sessions ended`, await all(ended, end)));

  await Promise.all([processes.api.stop(), processes.projector.stop()]);
  await Promise.all([bus.close(), owner.end()]);
});
