import { readFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { createPool } from '../../dist/libs/event-log/src/connection.js';
import { sendAll } from '../load/http-client.mjs';
import { number } from '../output.mjs';
import { post, remove } from '../requests.mjs';
import { accountOf, ipAddressOf, USER_AGENTS } from '../seed.mjs';
import { startService } from '../service.mjs';
import { withStack } from '../stack.mjs';

const PER_ACCOUNT = 3;
const TABLES = ['event_log.event', 'event_log.stream', 'event_log.subject_key', 'event_log.command'];
const READ_MODEL = ['read_model.session', 'read_model.audit_entry'];

/** Real processes are given real commands; then what there is more of on disk is divided by what there is more of. */
export async function run({ smoke }) {
  const sessions = smoke ? 600 : 60_000;
  const rows = [];
  await withStack(async (stack) => {
    const owner = createPool(stack.ownerUrl, { max: 1 });
    const bus = await connect({ servers: stack.natsUrl });
    const manager = await jetstreamManager(bus);
    const service = await startService(stack);
    const [{ port, pid }] = service.apis;
    const key = await service.serviceKey(['sessions:issue', 'sessions:revoke']);
    const keyed = () => `Idempotency-Key: ${randomUUID()}\r\n`;

    const sizes = async () => {
      await service.caughtUp();
      const found = {};
      for (const table of [...TABLES, ...READ_MODEL]) {
        const { rows } = await owner.query(
          `SELECT count(*) AS rows, pg_total_relation_size($1) AS bytes, pg_indexes_size($1) AS indexes FROM ${table}`,
          [table],
        );
        found[table] = rows[0];
      }
      const { bytes, messages } = (await manager.streams.info('SESSIONS')).state;
      return { ...found, 'stream SESSIONS': { rows: messages, bytes, indexes: 0 } };
    };
    const step = async (name, work) => {
      const before = await sizes();
      const [began, done] = [performance.now(), await work()];
      const rate = done.length / ((performance.now() - began) / 1_000);
      if (done.some(({ status }) => status >= 300)) throw new Error(`${name}: ${done[0].body}`);
      for (const [table, { rows: count, bytes, indexes }] of Object.entries(await sizes())) {
        const more = count - before[table].rows;
        if (more <= 0) continue;
        const each = (now, then) => number(Math.round((now - then) / more));
        rows.push([
          name,
          table,
          number(more),
          each(bytes, before[table].bytes),
          each(indexes, before[table].indexes),
        ]);
      }
      const held = await Promise.all([pid, service.projector.pid, stack.natsPid].map(megabytes));
      rows.push([
        name,
        `${number(rate)} a second; API, projector, nats-server hold ${held.join(', ')} MB`,
        '',
        '',
        '',
      ]);
      return done;
    };
    const issue = (n) => {
      const body = JSON.stringify({
        accountId: accountOf(n % (sessions / PER_ACCOUNT)),
        ipAddress: ipAddressOf(n),
        userAgent: USER_AGENTS[n % USER_AGENTS.length],
        fingerprint: randomUUID(),
      });
      return post('/api/sessions', key, 'application/json', body, keyed());
    };
    const numbers = Array.from({ length: sessions }, (_, n) => n);
    const halves = [numbers.slice(0, sessions / 2), numbers.slice(sessions / 2)];
    const issued = [];
    for (const [i, half] of halves.entries()) {
      issued.push(...(await step(i === 0 ? 'issue' : 'issue more', () => sendAll(port, half.map(issue)))));
    }
    const end = ({ body }) => {
      const { accountId, token } = JSON.parse(body).data;
      return remove(`/api/accounts/${accountId}/sessions/${token}`, key, keyed());
    };
    await step('end half of them', () => sendAll(port, issued.filter((_, i) => i % 2 === 0).map(end)));
    await service.stop();
    await Promise.all([bus.close(), owner.end()]);
  });
  return {
    title: 'Capacity',
    about: `${number(sessions)} sessions are issued, ${PER_ACCOUNT} an account, and half of them ended, each with an \`Idempotency-Key\`.`,
    sections: [{ title: 'Bytes each', columns: ['', '', 'more', 'bytes each', 'of them indexes'], rows }],
  };
}

const megabytes = async (pid) =>
  Math.round(Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))[1]) / 1_024);
