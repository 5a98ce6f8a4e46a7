import { randomUUID } from 'node:crypto';
import { createPool } from '../../dist/libs/event-log/src/connection.js';
import { LogWriter } from '../../dist/libs/event-log/src/writer.js';
import { CREATE_LOG, fourStatements, oneStatement } from '../floors/sql.mjs';
import { closedLoop, inTurns } from '../measure.mjs';
import { rates } from '../output.mjs';
import { sessionIssued, withStack } from '../stack.mjs';

const CLIENTS = 64;

export async function run({ rounds, seconds, warmUp }) {
  const groups = [];
  await withStack(async ({ databaseUrl, ownerUrl, postgresPid: postgres }) => {
    const owner = createPool(ownerUrl, { max: 1 });
    await owner.query(CREATE_LOG);
    const pool = createPool(databaseUrl, { max: 10 });
    const writer = new LogWriter(databaseUrl);
    const grouped = async () => {
      const { kind } = await writer.append({
        streamId: `account-${randomUUID()}`,
        expectedVersion: 0,
        events: [sessionIssued(`session_${randomUUID()}`)],
      });
      if (kind !== 'appended') throw new Error(kind);
    };
    const ways = [
      ['Signoff: commits as a group', 'ours', grouped],
      ['four statements, a transaction each', 'peer', () => fourStatements(pool, randomUUID())],
      ['floor: one statement, without order', 'floor', () => oneStatement(pool, randomUUID())],
    ];
    for (const atOnce of [CLIENTS, 1]) {
      const contenders = ways.map(([name, role, work]) => ({
        name,
        role,
        pid: process.pid,
        run: () => closedLoop(work, { atOnce, seconds }),
      }));
      const results = await inTurns(contenders, { rounds, warmUp, postgres });
      groups.push({ name: atOnce === 1 ? 'one client alone' : `${atOnce} clients`, results });
    }
    await Promise.all([writer.close(), pool.end(), owner.end()]);
  });
  return {
    title: 'Appends to the log',
    about: 'Each client appends one event to a stream of its own, and waits until it is durable.',
    sections: [rates('One event each', groups, { unit: 'appends/s', each: 'append' })],
  };
}
