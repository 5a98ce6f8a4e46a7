import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { WebSocket, WebSocketServer } from 'ws';
import { LiveConnections } from '#revocations/live.js';
import type { Revocations } from '#revocations/revocations.js';
import { until } from '../harness/until.js';
import { issue } from './harness/sessions.js';
import { end, Subscribers, verdict } from './harness/subscribers.js';
import { type Api, World } from './harness/world.js';

const MAX_STALENESS = 1_000;

let world: World;
let api: Api;
let subscribers: Subscribers;
let revocations: Revocations;
let live: LiveConnections;
let server: Server;
let sockets: WebSocketServer;
let url: string;

beforeAll(async () => {
  world = await World.create();
  api = await world.startApi();
  subscribers = new Subscribers(world);
  server = createServer().listen(0, '127.0.0.1');
  sockets = new WebSocketServer({ server });
  await once(server, 'listening');
  url = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(async () => {
  revocations = subscribers.start({ maxStaleness: MAX_STALENESS });
  live = new LiveConnections(revocations);
  await revocations.ready();
});
afterEach(async () => {
  live.close();
  await subscribers.stop();
});
afterAll(async () => {
  for (const client of sockets.clients) client.terminate();
  server.closeAllConnections();
  server.close();
  await world.stop();
});

/** Both ends of a WebSocket. */
async function openSocket() {
  const connected = once(sockets, 'connection') as Promise<[WebSocket]>;
  const theirs = new WebSocket(`ws://${url}`);
  const closed = once(theirs, 'close').then(([code, reason]) => `${code} ${reason}`);
  await once(theirs, 'open');
  const [ours] = await connected;
  return { ours, theirs, closed };
}

/** A stream of server-sent events, and what its reader has got when it ends. */
async function openStream() {
  const asked = once(server, 'request') as Promise<[unknown, ServerResponse]>;
  const answered = fetch(`http://${url}`);
  const [, response] = await asked;
  response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: first\n\n');
  const body = (await answered).body!.getReader();
  expect(new TextDecoder().decode((await body.read()).value)).toBe('data: first\n\n');
  return {
    response,
    ended: body.read().then(
      () => 'another event',
      () => 'cut off',
    ),
    leave: () => body.cancel(),
  };
}

const signIn = async () => ({ sessionId: (await issue(api.service, 'ada')).token });

describe('a connection in the name of a session', () => {
  it('is closed when that is ended, each of them and none else', async () => {
    const [ended, alive] = [await signIn(), await signIn()];
    const [one, two, other] = [await openSocket(), await openSocket(), await openSocket()];
    const [stream, otherStream] = [await openStream(), await openStream()];
    live.add(ended, one.ours);
    live.add(ended, two.ours);
    live.add(ended, stream.response);
    live.add(alive, other.ours);
    live.add(alive, otherStream.response);
    expect(live.size).toBe(5);
    const inThatMoment: unknown[] = [];
    revocations.onRevoked(() => {
      inThatMoment.push(one.ours.readyState, two.ours.readyState, stream.response.destroyed, live.size);
    });
    await end(api, ended.sessionId);
    expect(await Promise.all([one.closed, two.closed])).toEqual([
      '1008 SESSION_REVOKED',
      '1008 SESSION_REVOKED',
    ]);
    expect(await stream.ended).toBe('cut off');
    expect(inThatMoment).toEqual([WebSocket.CLOSING, WebSocket.CLOSING, true, 2]);
    expect([other.ours.readyState, otherStream.response.destroyed]).toEqual([WebSocket.OPEN, false]);
  });

  it('is closed when that was ended while it connected', async () => {
    const session = await signIn();
    const [socket, stream] = [await openSocket(), await openStream()];
    await end(api, session.sessionId);
    await until(
      () => verdict(revocations, session.sessionId),
      (answer) => answer === true,
    );
    live.add(session, socket.ours);
    live.add(session, stream.response);
    // Now, and not when somebody looks the next time.
    expect([socket.ours.readyState, stream.response.destroyed]).toEqual([WebSocket.CLOSING, true]);
    expect(live.size).toBe(0);
    expect(await socket.closed).toBe('1008 SESSION_REVOKED');
    expect(await stream.ended).toBe('cut off');
  });

  it('is closed when a revocation may be missing, and so is one that is opened then', async () => {
    const session = await signIn();
    const [before, after] = [await openSocket(), await openSocket()];
    const stream = await openStream();
    live.add(session, before.ours);
    live.add(session, stream.response);
    world.nats.freeze();
    try {
      expect(await before.closed).toBe('1013 REVOCATIONS_STALE');
      expect(revocations.staleness()).toBeGreaterThan(MAX_STALENESS);
      expect(await stream.ended).toBe('cut off');
      live.add(session, after.ours);
      expect(await after.closed).toBe('1013 REVOCATIONS_STALE');
    } finally {
      world.nats.thaw();
    }
  });

  it('stays open under the policy allow, and is closed as soon as the end of its session is known', async () => {
    const lenient = subscribers.start({
      instance: 'lenient',
      maxStaleness: MAX_STALENESS,
      policy: 'allow',
    });
    await lenient.ready();
    const allowing = new LiveConnections(lenient);
    const [session, socket] = [await signIn(), await openSocket()];
    const strict = await openSocket();
    allowing.add(session, socket.ours);
    live.add(session, strict.ours);
    world.nats.freeze();
    try {
      // The one looks when the other does.
      await strict.closed;
      await until(
        () => lenient.staleness(),
        (staleness) => staleness > 3 * MAX_STALENESS,
      );
      expect(socket.ours.readyState).toBe(WebSocket.OPEN);
    } finally {
      world.nats.thaw();
    }
    await end(api, session.sessionId);
    expect(await socket.closed).toBe('1008 SESSION_REVOKED');
    allowing.close();
  });

  it('is closed when the credential expires', async () => {
    const session = await signIn();
    const now = Math.ceil(Date.now() / 1_000);
    const [late, soon, later] = [await openSocket(), await openSocket(), await openSocket()];
    live.add({ ...session, expiresAt: now - 10 }, late.ours);
    live.add({ ...session, expiresAt: now + 1 }, soon.ours);
    live.add({ ...session, expiresAt: now + 3_600 }, later.ours);
    expect(await late.closed).toBe('1008 CREDENTIAL_EXPIRED');
    expect(await soon.closed).toBe('1008 CREDENTIAL_EXPIRED');
    expect(Date.now()).toBeGreaterThanOrEqual((now + 1) * 1_000);
    expect(later.ours.readyState).toBe(WebSocket.OPEN);
  });

  it('is not heard any more when it is closed, though the other side takes no notice', async () => {
    const [session, { ours, theirs }] = [await signIn(), await openSocket()];
    const heard: string[] = [];
    ours.on('message', (message: Buffer) => heard.push(String(message)));
    theirs.send('before');
    await until(
      () => heard.length,
      (length) => length === 1,
    );
    live.add(session, ours);
    // It reads no more, and so never answers that it is closed.
    theirs.pause();
    await end(api, session.sessionId);
    await until(
      () => ours.readyState,
      (state) => state !== WebSocket.OPEN,
    );
    theirs.send('after');
    await once(ours, 'close');
    expect(heard).toEqual(['before']);
    theirs.terminate();
  });

  it('is forgotten when it ends by itself, or has ended before, or when one wishes so', async () => {
    const session = await signIn();
    const [socket, gone, kept] = [await openSocket(), await openSocket(), await openSocket()];
    const [stream, left] = [await openStream(), await openStream()];
    gone.ours.terminate();
    await gone.closed;
    await until(
      () => gone.ours.readyState,
      (state) => state === WebSocket.CLOSED,
    );
    live.add(session, gone.ours);
    left.response.destroy();
    live.add(session, left.response);
    expect(live.size).toBe(0);
    const listeners = kept.ours.listenerCount('close');
    live.add(session, socket.ours);
    live.add(session, stream.response);
    const forget = live.add(session, kept.ours);
    expect(live.size).toBe(3);
    socket.theirs.close();
    await stream.leave().catch(() => undefined);
    await until(
      () => live.size,
      (size) => size === 1,
    );
    forget();
    expect([live.size, kept.ours.listenerCount('close')]).toEqual([0, listeners]);
    await end(api, session.sessionId);
    await until(
      () => verdict(revocations, session.sessionId),
      (answer) => answer === true,
    );
    expect(kept.ours.readyState).toBe(WebSocket.OPEN);
  });

  it('is closed when everything ends', async () => {
    const session = await signIn();
    const [before, after] = [await openSocket(), await openSocket()];
    live.add(session, before.ours);
    await revocations.close();
    expect(await before.closed).toBe('1001 REVOCATIONS_CLOSED');
    live.close();
    live.add(session, after.ours);
    expect(await after.closed).toBe('1001 REVOCATIONS_CLOSED');
    expect(live.size).toBe(0);
  });
});
