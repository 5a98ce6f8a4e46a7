// A service of its own process that uses the library. Asked on stdin, answers on stdout, a line each.
import { createInterface } from 'node:readline';
import { connect } from '#revocations/connect.js';

const { NATS_URL, MAX_STALENESS } = process.env;
const revocations = connect({
  nats: { servers: NATS_URL },
  service: 'billing',
  maxStaleness: Number(MAX_STALENESS),
});

const verdict = (sessionId) => {
  try {
    return revocations.isRevoked(sessionId);
  } catch (error) {
    return error.code;
  }
};

await revocations.ready();
console.log(JSON.stringify({ ready: true }));
for await (const line of createInterface(process.stdin)) {
  const { ask, afterReady } = JSON.parse(line);
  if (afterReady) await revocations.ready();
  console.log(JSON.stringify({ verdict: verdict(ask), staleness: revocations.staleness() }));
}
await revocations.close();
