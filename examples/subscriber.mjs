// Follows Signoff's revocations with a NATS client alone. The numbers are the ten steps of docs/events.md.
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, nuid } from '@nats-io/transport-node';

const REVOKED = { filter_subject: 'sessions.revoked.*', deliver_policy: 'by_start_sequence' };
const WAIT = { timeout: 2_000 };
const logOf = (one) => one && `${one.logId}/${one.epoch}`;
const clocks = () => [performance.now(), Date.now()];

export function follow({ nats, jetstream, service, instance, maxStaleness = 30_000, onRevoked }) {
  const bootId = nuid.next(); // 8
  const subscriber = { instance, bootId, maxStaleness, policy: 'refuse' }; // 8
  let connection, feed, held, revoked, lease, head, heldBefore, closed;
  const staleness = () => Math.max(...clocks().map((now, i) => now - lease?.[i])); // 7
  const isFresh = () => !closed && staleness() <= maxStaleness;
  const ready = async () => isFresh() || (!closed && sleep(20).then(ready));
  const ask = async (operation, question) =>
    (await connection.request(`signoff.rpc.${service}.${operation}`, JSON.stringify(question), WAIT)).json();

  async function askHead() {
    const [askedAt, nonce, heldThen] = [clocks(), nuid.next(), held?.revocations];
    const answer = await ask('head', { nonce, subscriber }); // 5
    if (answer.nonce !== nonce || answer.registered !== bootId) throw new Error('not the answer'); // 7, 8
    if (logOf(answer) !== logOf(held) || answer.revocations < heldThen) {
      feed?.stop();
      held = { logId: answer.logId, epoch: answer.epoch, position: 0, revocations: 0 }; // 3
      [revoked, lease, head] = [new Map()];
    }
    held.revocations = Math.max(held.revocations, answer.revocationsFloor); // 6
    for (const [id, until] of revoked) if (until < Date.parse(answer.time)) revoked.delete(id); // 6
    if (head && held.revocations === heldBefore) {
      feed?.stop(); // 10
      fetchMissing(held, answer.revocations).catch(() => undefined); // 5
    }
    [head, heldBefore] = [head ?? { ...answer, askedAt }, held.revocations];
    settle();
  }

  function settle() {
    if (held.revocations >= head?.revocations) {
      held.position = Math.max(held.position, head.position);
      [lease, head] = [head.askedAt]; // 7
    }
    connection.publish(`signoff.receipt.${service}.${instance}`, JSON.stringify({ bootId, ...held })); // 9
  }

  function apply(to, { revocation, position, sessionId, credentialsExpireAt }) {
    if (to !== held || revocation <= to.revocations) return; // 2
    if (revocation > to.revocations + 1) throw new Error(`revocation ${to.revocations + 1} is missing`); // 2
    revoked.set(sessionId, Date.parse(credentialsExpireAt) + 300_000); // 6
    Object.assign(to, { revocations: revocation, position: Math.max(to.position, position) });
    onRevoked?.({ revocation, position, sessionId, credentialsExpireAt });
  }

  async function fetchMissing(to, last) {
    while (to === held && to.revocations < last) {
      const page = await ask('revocations', { after: to.revocations, limit: 1_000 }); // 4
      if (logOf(page) !== logOf(to) || !page.revocations.length) throw new Error('not what is missing'); // 3
      for (const one of page.revocations) apply(to, one);
      settle();
    }
  }

  async function followStream() {
    const [to, name] = [held, `revocations-${service}-${instance}-${nuid.next()}`]; // 1
    if (!to) return;
    const manager = await jetstreamManager(connection, { checkAPI: false, ...jetstream });
    const start = { ...REVOKED, name, opt_start_seq: to.position + 1, ack_policy: 'all' }; // 1
    const consumer = await manager.consumers.add('SESSIONS', start);
    const delivery = manager.jetstream().consumers.getConsumerFromInfo(consumer);
    feed = await delivery.consume({ idle_heartbeat: 1_500, abort_on_missing_resource: true }); // 10
    if (to !== held || closed) feed.stop();
    for await (const message of feed) {
      const event = message.json();
      if (message.headers?.get('Signoff-Log') !== logOf(to) || event.position !== message.seq) continue; // 3
      if (event.revocation > to.revocations + 1) await fetchMissing(to, event.revocation - 1); // 4
      apply(to, { ...event, ...event.data });
      if (message.info.pending === 0) settle();
      message.ack(); // 9
    }
  }

  function isRevoked(sessionId) {
    if (!revoked?.has(sessionId) && !isFresh()) throw new Error('REVOCATIONS_STALE'); // 7
    return revoked.has(sessionId);
  }
  const again = async (work, eachMs) => {
    for (; !closed; await sleep(eachMs)) await work().catch(() => undefined); // 10
  };
  const running = (async () => {
    connection = await connect({ ...nats, waitOnFirstConnect: true, maxReconnectAttempts: -1 }); // 10
    await Promise.all([again(askHead, Math.min(1_000, maxStaleness / 3)), again(followStream, 250)]);
    await ask('sign-off', { instance, bootId }).catch(() => undefined); // 10
    await connection.close();
  })();
  const holds = () => ({ ...held, size: revoked?.size, staleness: staleness() });
  return { isRevoked, ready, holds, close: () => ((closed = true), feed?.stop(), running) };
}
