// A service of its own process that uses the library. Asked on stdin, answers on stdout, a line each.
import { createInterface } from 'node:readline';
import { connect } from '#revocations/connect.js';
import { verdict, WatchedSessions } from './watched-sessions.mjs';

const { NATS_URL, MAX_STALENESS, SERVICE, INSTANCE } = process.env;
const revocations = connect({
  nats: { servers: NATS_URL },
  service: SERVICE,
  instance: INSTANCE,
  maxStaleness: Number(MAX_STALENESS),
});
const watched = new WatchedSessions(revocations);
const say = (answer) => console.log(JSON.stringify(answer));

await revocations.ready();
say({ ready: true });
for await (const line of createInterface(process.stdin)) {
  const { ask, afterReady, watch, report } = JSON.parse(line);
  if (afterReady || watch) await revocations.ready();
  if (watch) say(watched.add(watch));
  else if (report) say(watched.histories);
  else say({ verdict: verdict(revocations, ask), staleness: revocations.staleness() });
}
watched.stop();
await revocations.close();
