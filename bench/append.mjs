import { randomUUID } from 'node:crypto';
import { LogWriter } from '../dist/libs/event-log/src/writer.js';
import { sessionIssued, summary, median, withStack } from './stack.mjs';

const CLIENTS = 64;
const ROUNDS = 5;
const SECONDS = 3;

/** Appends a second: each client appends one event to a stream of its own and waits for the answer. */
async function rate(writerOf) {
  const until = performance.now() + SECONDS * 1000;
  let appended = 0;
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, client) => {
      while (performance.now() < until) {
        const { kind } = await writerOf(client).append({
          streamId: `account-${randomUUID()}`,
          expectedVersion: 0,
          events: [sessionIssued(`session_${randomUUID()}`)],
        });
        if (kind !== 'appended') throw new Error(kind);
        appended++;
      }
    }),
  );
  return appended / SECONDS;
}

await withStack(async ({ databaseUrl }) => {
  const grouped = new LogWriter(databaseUrl);
  const single = Array.from({ length: CLIENTS }, () => new LogWriter(databaseUrl));
  const results = { grouped: [], single: [] };
  for (let round = 0; round <= ROUNDS; round++) {
    const a = await rate(() => grouped);
    const b = await rate((client) => single[client]);
    if (round === 0) continue;
    results.grouped.push(a);
    results.single.push(b);
  }
  console.log(`group commit, ${CLIENTS} clients:        ${summary(results.grouped)} appends/s`);
  console.log(`one transaction each, ${CLIENTS} clients: ${summary(results.single)} appends/s`);
  console.log(`ratio of medians: ${(median(results.grouped) / median(results.single)).toFixed(1)}`);
  await Promise.all([grouped, ...single].map((writer) => writer.close()));
});
