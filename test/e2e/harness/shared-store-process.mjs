// One of the processes of a service that keeps its sessions in PostgreSQL. Says a line when it has a revocation in hand.
import pg from 'pg';
import { forgetSessions } from '#revocations/shared-store/forget-sessions.js';

const { NATS_URL, STORE_URL, SERVICE, TRIES, DELAY_MS, HOLD } = process.env;
const store = new pg.Pool({ connectionString: STORE_URL, max: 8 });
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

async function forget({ sessionId }) {
  say({ inHand: sessionId });
  await store.query('INSERT INTO shop.call VALUES ($1, $2)', [sessionId, process.pid]);
  if (HOLD) await new Promise(() => {});
  const { rows } = await store.query('SELECT failures FROM shop.session WHERE session_id = $1', [sessionId]);
  if (rows[0]?.failures > 0) {
    await store.query('UPDATE shop.session SET failures = failures - 1 WHERE session_id = $1', [sessionId]);
    throw new Error('the store is away');
  }
  await store.query('DELETE FROM shop.session WHERE session_id = $1', [sessionId]);
}

const forgetting = forgetSessions({
  nats: { servers: NATS_URL },
  service: SERVICE,
  forget,
  tries: Number(TRIES),
  delay: () => Number(DELAY_MS),
  onTrouble: ({ kind, revocation, tries, error }) =>
    say({ trouble: kind, sessionId: revocation?.sessionId, tries, message: error.message }),
});
process.once('SIGTERM', async () => {
  await forgetting.close();
  await store.end();
});
say({ canBeStopped: true });
