import { fork } from 'node:child_process';
import { once } from 'node:events';
import { quantile } from '../measure.mjs';
import { openConnection } from './http-client.mjs';

const MAX_CONNECTIONS = 256;
/** While the generator opens its connections and is compiled, what it sends is answered but not counted. */
const WARM_UP_SECONDS = 1;

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
  const idle = [];
  const waiting = [];
  const total = Math.round(rate * seconds);
  const uncounted = seconds >= 2 * WARM_UP_SECONDS ? Math.round(rate * WARM_UP_SECONDS) : 0;
  const [took, late] = [[], []];
  let [opened, sent, answered, refused] = [0, 0, 0, 0];

  async function use(connection) {
    for (let one = waiting.shift(); one; one = waiting.shift()) {
      const { status } = await connection.send(one.request);
      if (one.isCounted) took.push(performance.now() - one.from);
      answered++;
      if (status >= 300) refused++;
    }
    idle.push(connection);
  }
  async function dispatch(failed) {
    let connection = idle.pop();
    while (connection && !connection.isUsable()) connection = idle.pop();
    if (!connection && opened === MAX_CONNECTIONS) return;
    if (!connection) opened++;
    try {
      await use(connection ?? (await openConnection(port)));
    } catch (error) {
      failed(error);
    }
  }

  const began = performance.now();
  const elapsed = () => (performance.now() - began) / 1_000;
  await new Promise((resolve, reject) => {
    const tick = () => {
      const now = performance.now();
      for (; sent < total && sent / rate <= elapsed(); sent++) {
        const isCounted = sent >= uncounted;
        if (isCounted) late.push(now - began - (sent / rate) * 1_000);
        waiting.push({ request: requests[sent % requests.length], from: now, isCounted });
        void dispatch(reject);
      }
      if (answered === total) resolve();
      else setTimeout(tick, 1);
    };
    tick();
  });
  const ended = elapsed();
  for (const connection of idle) connection.close();
  return {
    completed: answered,
    seconds: ended,
    sent,
    refused,
    p50: quantile(took, 0.5),
    p99: quantile(took, 0.99),
    p999: quantile(took, 0.999),
    late: quantile(late, 0.99),
  };
}
