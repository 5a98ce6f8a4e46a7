import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { pino } from 'pino';
import { DataSource } from 'typeorm';
import { Database, projectorPool } from '../dist/apps/session-projector/src/database.js';
import { SessionsProjection } from '../dist/apps/session-projector/src/projections/sessions.js';
import { eventFromLog } from '../dist/apps/session-projector/src/read-event.js';
import { sessionIdFrom } from '../dist/libs/domain/src/identifier.js';
import { createPool } from '../dist/libs/event-log/src/connection.js';
import { MasterKey } from '../dist/libs/event-log/src/master-key.js';
import { readForward } from '../dist/libs/event-log/src/read.js';
import { LogWriter } from '../dist/libs/event-log/src/writer.js';
import { Checkpoint } from '../dist/libs/read-model/src/entities/checkpoint.entity.js';
import { median, sessionIssued, startProcess, summary, withStack } from './stack.mjs';

const BACKLOG = 100_000;
const ONE_BY_ONE = 2_000;
const ROUNDS = 3;

async function seed(databaseUrl) {
  const writer = new LogWriter(databaseUrl);
  for (let done = 0; done < BACKLOG; done += 1_000) {
    await Promise.all(
      Array.from({ length: 1_000 }, () =>
        writer.append({
          streamId: `account-${randomUUID()}`,
          expectedVersion: 0,
          events: [sessionIssued(sessionIdFrom(randomBytes(16)))],
        }),
      ),
    );
  }
  await writer.close();
}

await withStack(async ({ databaseUrl, ownerUrl, env }) => {
  await seed(databaseUrl);
  const owner = createPool(ownerUrl);
  const one = async (text) => (await owner.query(text)).rows[0]?.n ?? 0;
  const api = await startProcess('sessions-api', env, 'api.listening');
  const relayed = performance.now();

  const bus = await connect({ servers: env.NATS_URL });
  const manager = await jetstreamManager(bus);
  for (;;) {
    const info = await manager.streams.info('SESSIONS').catch(() => null);
    if (info?.state.last_seq === BACKLOG) break;
    await sleep(20);
  }
  console.log(`relay: ${Math.round(BACKLOG / ((performance.now() - relayed) / 1000))} events/s, one run`);
  await api.stop();

  const pool = projectorPool({ DATABASE_URL: databaseUrl });
  const dataSource = new DataSource({ type: 'postgres', url: databaseUrl, entities: [Checkpoint] });
  const masterKey = new MasterKey(Buffer.from(env.MASTER_KEY, 'base64'));
  const projection = new SessionsProjection(
    pool,
    new Database(dataSource),
    masterKey,
    pino({ level: 'silent' }),
  );
  const empty = () => owner.query('TRUNCATE read_model.session, read_model.checkpoint');

  const results = { batches: [], single: [] };
  for (let round = 0; round <= ROUNDS; round++) {
    await empty();
    const projector = await startProcess('session-projector', env, 'projector.started');
    let began;
    for (;;) {
      const n = await one(`SELECT position AS n FROM read_model.checkpoint WHERE projection = 'sessions'`);
      if (n > 0) began ??= { at: performance.now(), n };
      if (n === BACKLOG) break;
      await sleep(5);
    }
    const batches = (BACKLOG - began.n) / ((performance.now() - began.at) / 1000);
    await projector.stop();

    await empty();
    let from = await projection.resume();
    const events = (await readForward(pool, 0, ONE_BY_ONE)).map(eventFromLog);
    const start = performance.now();
    for (const event of events) from = await projection.apply({ from, events: [event] });
    const single = ONE_BY_ONE / ((performance.now() - start) / 1000);
    if (round === 0) continue;
    results.batches.push(batches);
    results.single.push(single);
  }
  console.log(`a backlog of ${BACKLOG}, from the stream: ${summary(results.batches)} events/s`);
  console.log(`one transaction an event:            ${summary(results.single)} events/s`);
  console.log(`ratio of medians: ${(median(results.batches) / median(results.single)).toFixed(1)}`);
  await Promise.all([bus.close(), pool.end(), owner.end(), dataSource.isInitialized && dataSource.destroy()]);
});
