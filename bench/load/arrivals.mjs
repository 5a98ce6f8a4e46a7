import { fork } from 'node:child_process';
import { once } from 'node:events';
import { quantile } from '../measure.mjs';
import { openConnection } from './http-client.mjs';

const CONNECTIONS = 256;

if (process.send) {
  const [job] = await once(process, 'message');
  process.send(await arrive(job));
  process.disconnect();
}

/** Requests that arrive at a fixed rate, whether or not the ones before were answered, sent by a process of its own. */
export async function fixedRate(port, requests, { rate, seconds }) {
  const child = fork(import.meta.filename);
  child.send({ port, requests, rate, seconds });
  const [told] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`the generator ended with ${code}`))),
  ]);
  if (child.exitCode === null) await once(child, 'exit');
  return told;
}

/**
 * A request's time counts from when its turn came, also where it had then to wait for a connection. How late its turn came,
 * because a timer fires once a millisecond at most, is the generator's own doing: `late`.
 */
async function arrive({ port, requests, rate, seconds }) {
  const idle = await Promise.all(Array.from({ length: CONNECTIONS }, () => openConnection(port)));
  const all = [...idle];
  const total = Math.round(rate * seconds);
  const [took, late, waiting] = [[], [], []];
  let [sent, refused] = [0, 0];
  const began = performance.now();
  await new Promise((resolve, reject) => {
    const send = async (connection, { request, dueAt }) => {
      const { status } = await connection.send(request);
      took.push(performance.now() - dueAt);
      if (status >= 300) refused++;
      const next = waiting.shift();
      if (next) send(connection, next).catch(reject);
      else idle.push(connection);
      if (took.length === total) resolve();
    };
    const tick = () => {
      const now = performance.now();
      for (; sent < total && began + (sent / rate) * 1_000 <= now; sent++) {
        late.push(now - (began + (sent / rate) * 1_000));
        const one = { request: requests[sent % requests.length], dueAt: now };
        const connection = idle.pop();
        if (connection) send(connection, one).catch(reject);
        else waiting.push(one);
      }
      if (sent < total) setTimeout(tick, 1);
    };
    tick();
  });
  const elapsed = (performance.now() - began) / 1_000;
  for (const connection of all) connection.close();
  return {
    completed: took.length,
    seconds: elapsed,
    sent,
    refused,
    p50: quantile(took, 0.5),
    p99: quantile(took, 0.99),
    p999: quantile(took, 0.999),
    late: quantile(late, 0.99),
  };
}
