import { randomBytes } from 'node:crypto';
import { sessionIdFrom } from '../../dist/libs/domain/src/identifier.js';
import { inTurns, quantile } from '../measure.mjs';
import { openConnection } from '../load/http-client.mjs';
import { number, rates } from '../output.mjs';
import { get, post, remove } from '../requests.mjs';
import { ageStreamOut, times, writeLog } from '../seed.mjs';
import { startService } from '../service.mjs';
import { withStack } from '../stack.mjs';

/** One account that has issued and ended so many sessions. */
function* past(sessions) {
  const { issuedAt, expiresAt } = times();
  for (let n = 0; n < sessions; n++) {
    const sessionId = sessionIdFrom(randomBytes(16));
    yield { account: 'long', type: 'SessionIssued', data: { sessionId, issuedAt, expiresAt } };
    const data = { sessionId, reason: 'user', credentialsExpireAt: expiresAt };
    yield { account: 'long', type: 'SessionRevoked', data };
  }
}

export async function run({ smoke, rounds, warmUp }) {
  const sessions = smoke ? 2_000 : 100_000;
  const asked = smoke ? 20 : 200;
  const [groups, first] = [[], []];
  await withStack(async (stack) => {
    await ageStreamOut(
      stack.natsUrl,
      (await writeLog(stack.ownerUrl, stack.env.MASTER_KEY, past(sessions))).position,
    );
    for (const start of ['first start, no snapshot yet', 'second start, from the snapshot']) {
      const service = await startService(stack);
      await service.caughtUp();
      const key = await service.serviceKey(['sessions:issue', 'sessions:read', 'sessions:revoke']);
      const connection = await openConnection(service.apis[0].port);
      const ask = async (request) => {
        const began = performance.now();
        const { status, body } = await connection.send(request);
        if (status >= 300) throw new Error(`${status}: ${body}`);
        return { took: performance.now() - began, data: JSON.parse(body).data };
      };
      const list = (account) => ask(get(`/api/accounts/${account}/sessions`, key));
      const issue = (account) =>
        ask(post('/api/sessions', key, 'application/json', JSON.stringify({ accountId: account })));
      const revoke = async (account) => {
        const { data } = await issue(account);
        return ask(remove(`/api/accounts/${account}/sessions/${data.token}`, key));
      };
      const cold = [];
      for (const account of ['long', `new-${start.split(' ')[0]}`]) cold.push((await issue(account)).took);
      first.push([start, ...cold.map(number)]);
      for (const [what, act] of Object.entries({ list, revoke })) {
        const contenders = [
          ['long', 'ours', `${number(sessions)} past sessions`],
          ['young', 'floor', 'few'],
        ].map(([account, role, name]) => ({
          name,
          role,
          pid: service.apis[0].pid,
          run: async () => {
            const took = [];
            while (took.length < asked) took.push((await act(account)).took);
            const seconds = took.reduce((sum, ms) => sum + ms, 0) / 1_000;
            return { completed: asked, seconds, p50: quantile(took, 0.5), p99: quantile(took, 0.99) };
          },
        }));
        const results = await inTurns(contenders, { rounds, warmUp, postgres: stack.postgresPid });
        groups.push({ name: `${what}, ${start}`, results });
      }
      connection.close();
      await service.stop();
    }
  });
  return {
    title: 'An account with a long past',
    about: `One client, an account with ${number(sessions)} sessions that have ended, and one with few.`,
    sections: [
      rates('One after another', groups),
      {
        title: 'The first command behind a start',
        columns: ['', 'of the long account, ms', 'of a new one, ms'],
        rows: first,
      },
    ],
  };
}
