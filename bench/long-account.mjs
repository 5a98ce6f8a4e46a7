import { randomBytes, randomUUID } from 'node:crypto';
import { sessionIdFrom } from '../dist/libs/domain/src/identifier.js';
import { LogWriter } from '../dist/libs/event-log/src/writer.js';
import { median, startProcess, withStack } from './stack.mjs';

const PAST_SESSIONS = 100_000;
const ROUNDS = 300;
const BOOTSTRAP_SERVICE_KEY = randomBytes(32).toString('base64url');

/** 100,000 sessions that were issued and ended, in appends of 500 pairs. */
async function seed(databaseUrl, accountId) {
  const writer = new LogWriter(databaseUrl);
  const event = (type, data) => ({
    eventId: randomUUID(),
    type,
    schema: 1,
    data: JSON.stringify(data),
    sealed: null,
    metadata: '{}',
  });
  for (let done = 0; done < PAST_SESSIONS; done += 500) {
    const events = Array.from({ length: 500 }, () => sessionIdFrom(randomBytes(16))).flatMap((sessionId) => [
      event('SessionIssued', {
        sessionId,
        issuedAt: '2026-11-01T08:00:00.000Z',
        expiresAt: '2027-01-24T08:00:00.000Z',
      }),
      event('SessionRevoked', { sessionId, reason: 'user', credentialsExpireAt: '2027-01-24T08:00:00.000Z' }),
    ]);
    await writer.append({ streamId: `account-${accountId}`, expectedVersion: null, events });
  }
  await writer.close();
}

await withStack(async ({ databaseUrl, env }) => {
  await seed(databaseUrl, 'long');
  const headers = { authorization: `Bearer ${BOOTSTRAP_SERVICE_KEY}`, 'content-type': 'application/json' };
  const call = async (url, method, path, body) => {
    const began = performance.now();
    const answer = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) });
    const json = await answer.json();
    if (!answer.ok) throw new Error(JSON.stringify(json));
    return { ms: performance.now() - began, json };
  };

  for (const start of ['first start, no snapshot yet', 'second start, from the snapshot']) {
    const { url, stop } = await startProcess(
      'sessions-api',
      { ...env, RATE_LIMIT_PER_MINUTE: '0', BOOTSTRAP_SERVICE_KEY },
      'api.listening',
    );
    const cold = {};
    for (const account of ['long', `new-${start}`]) {
      cold[account] = (await call(url, 'GET', `/api/accounts/${account}/sessions`)).ms;
    }
    console.log(
      `${start}: first list ${Object.values(cold)
        .map((ms) => ms.toFixed(1))
        .join(' ms, of a new account ')} ms`,
    );
    const times = { long: { list: [], revoke: [] }, young: { list: [], revoke: [] } };
    for (let round = 0; round < ROUNDS; round++) {
      for (const account of ['long', 'young']) {
        const { json } = await call(url, 'POST', '/api/sessions', { accountId: account });
        times[account].list.push((await call(url, 'GET', `/api/accounts/${account}/sessions`)).ms);
        times[account].revoke.push(
          (await call(url, 'DELETE', `/api/accounts/${account}/sessions/${json.data.token}`)).ms,
        );
      }
    }
    for (const what of ['list', 'revoke']) {
      const [long, young] = [times.long[what], times.young[what]];
      console.log(
        `${what}: ${median(long).toFixed(2)} ms with ${PAST_SESSIONS} past sessions, ${median(young).toFixed(2)} ms with few, ratio ${(median(long) / median(young)).toFixed(2)}`,
      );
    }
    const ended = [];
    for (let round = 0; round < 5; round++) {
      ended.push((await call(url, 'GET', '/api/accounts/long/sessions?status=ended')).ms);
    }
    console.log(`ended sessions: ${median(ended).toFixed(0)} ms from ${2 * PAST_SESSIONS} events`);
    await stop();
  }
});
