import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from '../dist/libs/revocations/src/connect.js';
import { median, startProcess, withStack } from './stack.mjs';

/**
 * What it costs to end sessions with and without services that follow, and to wait until it is in effect at all of them:
 * 32 clients at one API process, in interleaved rounds.
 */
const ROUNDS = 7;
const CLIENTS = 32;
const REVOCATIONS = 1_000;
const SERVICES = 3;
const BOOTSTRAP_SERVICE_KEY = randomBytes(32).toString('base64url');

if (process.send) await follow();
else await withStack(measure);

/** A service, in a process of its own. */
async function follow() {
  const revocations = connect({ nats: { servers: process.env.NATS_URL }, service: 'bench' });
  await revocations.ready();
  process.send('ready');
  process.once('message', async () => {
    await revocations.close();
    process.disconnect();
  });
}

async function measure({ env, natsUrl }) {
  const variables = { ...env, RATE_LIMIT_PER_MINUTE: '0', BOOTSTRAP_SERVICE_KEY };
  const api = await startProcess('sessions-api', variables, 'api.listening');
  const cases = [
    { name: 'no service follows', services: 0 },
    { name: `${SERVICES} services follow`, services: SERVICES },
    { name: `the same, Prefer: wait=2`, services: SERVICES, prefer: 'wait=2' },
  ].map((one) => ({ ...one, times: [], rates: [] }));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const one of cases) {
      const services = await Promise.all(Array.from({ length: one.services }, () => startService(natsUrl)));
      const { times, rate } = await revoke(api.url, one.prefer);
      // The first round warms up.
      if (round > 0) {
        one.times.push(...times);
        one.rates.push(rate);
      }
      await Promise.all(services.map(stopService));
    }
  }
  const [floor] = cases;
  for (const { name, times, rates } of cases) {
    const sorted = times.toSorted((a, b) => a - b);
    const at = (share) => sorted[Math.floor(sorted.length * share)].toFixed(1);
    console.log(
      `${name}: ${Math.round(median(rates))} revocations/s, ratio ${(median(rates) / median(floor.rates)).toFixed(2)}, answered in p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`,
    );
  }
  await api.stop();
}

async function revoke(url, prefer) {
  const headers = { authorization: `Bearer ${BOOTSTRAP_SERVICE_KEY}` };
  const tokens = [];
  const inParallel = (work) => Promise.all(Array.from({ length: CLIENTS }, (_, client) => work(client)));
  await inParallel(async (client) => {
    for (let i = client; i < REVOCATIONS; i += CLIENTS) {
      const body = JSON.stringify({ accountId: `account-${i % 500}` });
      const json = { ...headers, 'content-type': 'application/json' };
      const answer = await fetch(`${url}/api/sessions`, { method: 'POST', headers: json, body });
      tokens.push((await answer.json()).data);
    }
  });
  const times = [];
  const began = performance.now();
  await inParallel(async () => {
    for (let one = tokens.pop(); one; one = tokens.pop()) {
      const path = `/api/accounts/${one.accountId}/sessions/${one.token}`;
      const askedAt = performance.now();
      const answer = await fetch(url + path, {
        method: 'DELETE',
        headers: prefer ? { ...headers, prefer } : headers,
      });
      const { effect } = await answer.json();
      if (!answer.ok || (prefer && !effect.inEffect)) throw new Error(`${answer.status}, not in effect`);
      times.push(performance.now() - askedAt);
    }
  });
  return { times, rate: (REVOCATIONS * 1_000) / (performance.now() - began) };
}

async function startService(natsUrl) {
  const child = fork(import.meta.filename, { env: { ...process.env, NATS_URL: natsUrl } });
  await once(child, 'message');
  return child;
}

async function stopService(child) {
  child.send('stop');
  await once(child, 'exit');
}
