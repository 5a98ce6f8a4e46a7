import { setTimeout as sleep } from 'node:timers/promises';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import copyStreams from 'pg-copy-streams';
import { createPool } from '../../dist/libs/event-log/src/connection.js';
import { inTurns } from '../measure.mjs';
import { number, rates } from '../output.mjs';
import { sessionsIssued, times, writeLog } from '../seed.mjs';
import { startServer, withStack } from '../stack.mjs';
import { relayAll } from './relay.mjs';

/** As many as the projection writes. */
const BATCH = 2_000;

export async function run({ smoke, rounds, warmUp }) {
  const backlog = smoke ? 5_000 : 100_000;
  let results;
  await withStack(async (stack) => {
    const { ownerUrl, env, postgresPid: postgres } = stack;
    const owner = createPool(ownerUrl, { max: 2 });
    await writeLog(ownerUrl, env.MASTER_KEY, sessionsIssued(backlog / 5, backlog, times()));
    await relayAll(stack, backlog);
    await owner.query('CREATE TABLE bare (LIKE read_model.session INCLUDING ALL)');

    const position = async (projection) => {
      const { rows } = await owner.query({
        name: 'position',
        text: 'SELECT coalesce(min(position), 0)::int AS n FROM read_model.checkpoint WHERE projection = ANY($1)',
        values: [projection],
      });
      return rows[0].n;
    };
    /** The other projections stand at the end already, so that one is measured alone; or none does. */
    const projecting = (name, projections) => {
      let projector;
      const contender = {
        name,
        role: 'ours',
        before: async () => {
          await owner.query('TRUNCATE read_model.session, read_model.audit_entry, read_model.checkpoint');
          await owner.query(
            `INSERT INTO read_model.checkpoint SELECT name, log_id, epoch, position, hash FROM event_log.head,
               unnest(ARRAY['sessions', 'audit']) AS name WHERE name <> ALL($1)`,
            [projections],
          );
          projector = await startServer('dist/apps/session-projector/src/main.js', env, '/health/live');
          contender.pid = projector.pid;
          while ((await position(projections)) === 0) await sleep(2);
        },
        run: async () => {
          const [from, began] = [await position(projections), performance.now()];
          while ((await position(projections)) < backlog) await sleep(10);
          return { completed: backlog - from, seconds: (performance.now() - began) / 1_000 };
        },
        after: () => projector.stop(),
      };
      return contender;
    };
    let lines;
    const copying = (name, size) => ({
      name,
      role: 'floor',
      pid: process.pid,
      before: async () => {
        lines ??= await sessionsAsText(owner);
        await owner.query('TRUNCATE bare');
      },
      run: async () => {
        const client = await owner.connect();
        const began = performance.now();
        for (let from = 0; from < lines.length; from += size) {
          const into = client.query(copyStreams.from('COPY bare FROM STDIN'));
          await pipeline(Readable.from([lines.slice(from, from + size).join('')]), into);
        }
        const seconds = (performance.now() - began) / 1_000;
        client.release();
        return { completed: lines.length, seconds };
      },
    });
    results = await inTurns(
      [
        projecting('Signoff: sessions alone', ['sessions']),
        copying(`floor: COPY of the same rows, ${number(BATCH)} a transaction`, BATCH),
        copying('floor: COPY of the same rows at once', Infinity),
        projecting('Signoff: sessions and audit trail', ['sessions', 'audit']),
      ],
      { rounds, warmUp, postgres },
    );
    await owner.end();
  });
  return {
    title: 'The projection',
    about:
      `A backlog of ${number(backlog)} issued sessions, with sealed personal data, goes from the stream to the read model. ` +
      'The floor copies the rows that came of it into a table with the same indexes.',
    sections: [
      rates('Stream to read model', [{ name: 'projection', results }], { unit: 'events/s', each: 'event' }),
    ],
  };
}

async function sessionsAsText(owner) {
  const client = await owner.connect();
  let text = '';
  for await (const chunk of client.query(copyStreams.to('COPY read_model.session TO STDOUT'))) text += chunk;
  client.release();
  return text.match(/.*\n/g);
}
