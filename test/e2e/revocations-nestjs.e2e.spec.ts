import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, type INestApplication, Module, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  type ClientProxy,
  ClientProxyFactory,
  MessagePattern,
  NatsRecordBuilder,
  type NatsOptions,
  type TcpClientOptions,
  type TcpOptions,
  Transport,
} from '@nestjs/microservices';
import { ExpressAdapter } from '@nestjs/platform-express';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { type OnGatewayConnection, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { headers } from '@nats-io/transport-node';
import type { IncomingMessage } from 'node:http';
import { firstValueFrom } from 'rxjs';
import { WebSocket } from 'ws';
import {
  credentialIn,
  CurrentSession,
  REVOCATIONS,
  RevocationsModule,
  type RevocationsModuleOptions,
  SessionGuard,
  SocketSessions,
} from '#revocations/nestjs/index.js';
import type { Revocations, VerifiedSession } from '#revocations/revocations.js';
import { freePort } from '../../stack/src/free-port.js';
import { until } from '../harness/until.js';
import { Caller } from './harness/call.js';
import { type Issued, issue, operatorPath } from './harness/sessions.js';
import { verdict } from './harness/subscribers.js';
import { type Api, World } from './harness/world.js';

const MAX_STALENESS = 1_000;

@Controller()
class Account {
  @Get()
  @UseGuards(SessionGuard)
  page(@CurrentSession() session: VerifiedSession) {
    return session;
  }

  @MessagePattern<string>('billing.account')
  @UseGuards(SessionGuard)
  message(@CurrentSession() session: VerifiedSession) {
    return session;
  }

  @MessagePattern<string>('billing.unguarded')
  unguarded(@CurrentSession() session: VerifiedSession) {
    return session;
  }
}

@WebSocketGateway({ path: '/live' })
class ClosingGateway implements OnGatewayConnection {
  constructor(private readonly sockets: SocketSessions) {}

  async handleConnection(client: WebSocket, request: IncomingMessage) {
    await this.sockets.connected(client, request);
  }

  @SubscribeMessage('who')
  @UseGuards(SessionGuard)
  who(@CurrentSession() session: VerifiedSession) {
    return { event: 'you', data: session };
  }
}

/** Knows of a client only what comes with its messages. */
@WebSocketGateway()
class AskingGateway {
  @SubscribeMessage('who')
  @UseGuards(SessionGuard)
  who(@CurrentSession() session: VerifiedSession) {
    return { event: 'you', data: session };
  }
}

let world: World;
let api: Api;
let options: RevocationsModuleOptions;

beforeAll(async () => {
  world = await World.create();
  api = await world.startApi();
  options = {
    nats: { servers: world.nats.url },
    service: 'billing',
    jwks: `${api.url}/.well-known/jwks.json`,
    maxStaleness: MAX_STALENESS,
  };
});
afterAll(() => world.stop());

const revocationsOf = (app: INestApplication) => app.get<Revocations>(REVOCATIONS);
const hostOf = (app: INestApplication) => `127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;

const endInEffect = async (token: string) => {
  const sent = { headers: { prefer: 'wait=5' } };
  const answer = await api.service.delete(`${operatorPath('ada')}/${token}`, sent);
  expect(answer.body.effect).toMatchObject({ inEffect: true, services: [{ service: 'billing' }] });
};

/** Tells every service that follows nothing until `then` is done. */
const whileStale = async (app: INestApplication, then: () => Promise<void>) => {
  world.nats.freeze();
  try {
    await until(
      () => revocationsOf(app).staleness(),
      (staleness) => staleness > MAX_STALENESS,
    );
    await then();
  } finally {
    world.nats.thaw();
  }
  await revocationsOf(app).ready();
};

const forgedFor = ({ accessToken }: Issued, { accessToken: other }: Issued) =>
  [...accessToken.split('.').slice(0, 2), other.split('.').at(-1)].join('.');

describe('a NestJS service with WebSockets and microservices', () => {
  let app: INestApplication;
  let overNats: ClientProxy;
  let overTcp: ClientProxy;
  let session: Issued;

  beforeAll(async () => {
    @Module({
      imports: [RevocationsModule.forRoot(options)],
      controllers: [Account],
      providers: [ClosingGateway],
    })
    class Service {}
    app = await NestFactory.create(Service, new ExpressAdapter(), {
      logger: false,
      forceCloseConnections: true,
    });
    app.useWebSocketAdapter(new WsAdapter(app));
    const port = await freePort();
    const nats: NatsOptions = { transport: Transport.NATS, options: { servers: [world.nats.url] } };
    const tcp: TcpOptions & TcpClientOptions = {
      transport: Transport.TCP,
      options: { host: '127.0.0.1', port },
    };
    app.connectMicroservice(nats);
    app.connectMicroservice(tcp);
    await app.startAllMicroservices();
    await app.listen(0, '127.0.0.1');
    overNats = ClientProxyFactory.create(nats);
    overTcp = ClientProxyFactory.create(tcp);
    session = await issue(api.service, 'ada');
  });
  afterAll(async () => {
    await Promise.all([overNats.close(), overTcp.close()]);
    await app.close();
  });

  const open = (credential?: string) => {
    const headers = credential === undefined ? {} : { authorization: `Bearer ${credential}` };
    const socket = new WebSocket(`ws://${hostOf(app)}/live`, { headers });
    const closed = once(socket, 'close').then(([code, reason]) => `${code} ${reason}`);
    return { socket, closed, opened: once(socket, 'open') };
  };
  const ask = async (socket: WebSocket) => {
    socket.send(JSON.stringify({ event: 'who' }));
    return JSON.parse(String((await once(socket, 'message'))[0])) as unknown;
  };
  /** What it is answered, or the error. */
  const send = (client: ClientProxy, data: unknown, pattern = 'billing.account') =>
    firstValueFrom(client.send<unknown>(pattern, data)).catch((error: unknown) => error);
  const withHeader = (credential: string, name = 'authorization') => {
    const all = headers();
    all.set(name, `Bearer ${credential}`);
    return new NatsRecordBuilder({}).setHeaders(all).build();
  };
  const refused = (code: string) => ({ status: 'error', code, message: expect.any(String) });

  it('knows whose WebSocket it is, until its session is ended: then it closes it', async () => {
    const { token, accessToken } = await issue(api.service, 'ada');
    const { socket, closed, opened } = open(accessToken);
    await opened;
    expect(await ask(socket)).toMatchObject({ event: 'you', data: { sessionId: token, accountId: 'ada' } });
    await endInEffect(token);
    expect(await closed).toBe('1008 SESSION_REVOKED');
  });

  it('closes a WebSocket without a credential, or with one that is not good any more or never was', async () => {
    const ended = await issue(api.service, 'ada');
    await endInEffect(ended.token);
    const forged = forgedFor(session, ended);
    expect(await open().closed).toBe('1008 CREDENTIAL_MISSING');
    expect(await open(forged).closed).toBe('1008 SIGNATURE_INVALID');
    expect(await open(ended.accessToken).closed).toBe('1008 SESSION_REVOKED');
  });

  it('knows whose message it is, by its header or its body', async () => {
    const whose = { sessionId: session.token, accountId: 'ada' };
    const credential = session.accessToken;
    expect(await send(overNats, withHeader(credential))).toMatchObject(whose);
    expect(await send(overNats, withHeader(credential, 'Authorization'))).toMatchObject(whose);
    expect(await send(overNats, { credential })).toMatchObject(whose);
    expect(await send(overTcp, { credential })).toMatchObject(whose);
  });

  it('refuses messages without a good credential', async () => {
    const ended = await issue(api.service, 'ada');
    await endInEffect(ended.token);
    const forged = forgedFor(session, ended);
    for (const nothing of [{}, '', 0, { credential: 7 }]) {
      expect(await send(overTcp, nothing)).toEqual(refused('CREDENTIAL_MISSING'));
    }
    expect(await send(overNats, {})).toEqual(refused('CREDENTIAL_MISSING'));
    expect(await send(overNats, withHeader(forged))).toEqual(refused('SIGNATURE_INVALID'));
    expect(await send(overTcp, { credential: forged })).toEqual(refused('SIGNATURE_INVALID'));
    expect(await send(overNats, withHeader(ended.accessToken))).toEqual(refused('SESSION_REVOKED'));
    expect(await send(overTcp, { credential: ended.accessToken })).toEqual(refused('SESSION_REVOKED'));
  });

  it('gives no session where there is no guard', async () => {
    const answer = await send(overTcp, { credential: session.accessToken }, 'billing.unguarded');
    expect(answer).toEqual({ status: 'error', message: 'Internal server error' });
  });

  it('asks for patience while a revocation may be missing', async () => {
    const { socket, closed, opened } = open(session.accessToken);
    await opened;
    await ask(socket);
    await whileStale(app, async () => {
      expect(await closed).toBe('1013 REVOCATIONS_STALE');
      expect(await open(session.accessToken).closed).toBe('1013 REVOCATIONS_STALE');
      const { accessToken: credential } = session;
      expect(await send(overTcp, { credential })).toEqual(refused('REVOCATIONS_STALE'));
    });
    expect(await send(overTcp, { credential: session.accessToken })).toMatchObject({ accountId: 'ada' });
  });

  it('closes its WebSockets when it stops, and follows no more', async () => {
    const { socket, closed, opened } = open(session.accessToken);
    await opened;
    await ask(socket);
    await app.close();
    expect(await closed).toBe('1001 REVOCATIONS_CLOSED');
    expect(verdict(revocationsOf(app), session.token)).toBe('REVOCATIONS_CLOSED');
  });
});

describe('a NestJS service with Socket.IO that is told later where Signoff is', () => {
  let app: INestApplication;
  const open: WebSocket[] = [];

  beforeAll(async () => {
    const later = {
      useFactory: async (): Promise<RevocationsModuleOptions> => ({
        ...options,
        credentialIn: (asked) =>
          asked.type === 'http'
            ? /session=([^;]+)/.exec(String(asked.request.headers.cookie))?.[1]
            : credentialIn(asked),
      }),
    };
    @Module({
      imports: [RevocationsModule.forRootAsync(later)],
      controllers: [Account],
      providers: [AskingGateway],
    })
    class Service {}
    app = await NestFactory.create(Service, new ExpressAdapter(), {
      logger: false,
      forceCloseConnections: true,
    });
    app.useWebSocketAdapter(new IoAdapter(app));
    await app.listen(0, '127.0.0.1');
  });
  afterAll(async () => {
    for (const socket of open) socket.terminate();
    await app.close();
  });

  /** As the client of Socket.IO does: Engine.IO 4 opens with 0, Socket.IO connects with 40 and sends with 42. */
  const connect = async (auth: object, headers: Record<string, string> = {}) => {
    const socket = new WebSocket(`ws://${hostOf(app)}/socket.io/?EIO=4&transport=websocket`, { headers });
    open.push(socket);
    await once(socket, 'message');
    socket.send(`40${JSON.stringify(auth)}`);
    await once(socket, 'message');
    return async () => {
      socket.send('42["who",{}]');
      return JSON.parse(String((await once(socket, 'message'))[0]).slice(2)) as unknown;
    };
  };
  const refused = (code: string) => ['exception', { status: 'error', code, message: expect.any(String) }];

  it('looks anew at each message, though the connection stays open', async () => {
    const { token, accessToken } = await issue(api.service, 'ada');
    const byAuth = await connect({ token: accessToken });
    const byHeader = await connect({}, { authorization: `Bearer ${accessToken}` });
    for (const ask of [byAuth, byHeader]) {
      expect(await ask()).toEqual(['you', expect.objectContaining({ sessionId: token, accountId: 'ada' })]);
    }
    await whileStale(app, async () => expect(await byAuth()).toEqual(refused('REVOCATIONS_STALE')));
    expect(await byAuth()).toEqual(['you', expect.objectContaining({ sessionId: token })]);
    await endInEffect(token);
    for (const ask of [byAuth, byHeader]) expect(await ask()).toEqual(refused('SESSION_REVOKED'));
  });

  it('refuses the messages of whoever has no good credential', async () => {
    const [ada, eve] = [await issue(api.service, 'ada'), await issue(api.service, 'eve')];
    expect(await (await connect({}))()).toEqual(refused('CREDENTIAL_MISSING'));
    expect(await (await connect({ token: forgedFor(ada, eve) }))()).toEqual(refused('SIGNATURE_INVALID'));
  });

  it('looks for a credential where it is told to', async () => {
    const { token, accessToken } = await issue(api.service, 'ada');
    const ask = (headers: Record<string, string>) => new Caller(`http://${hostOf(app)}`).get('/', headers);
    expect((await ask({ cookie: `session=${accessToken}` })).body).toMatchObject({ sessionId: token });
    expect((await ask({ authorization: `Bearer ${accessToken}` })).status).toBe(401);
  });
});

describe('the start of a NestJS service', () => {
  const start = async (more: Partial<RevocationsModuleOptions>) => {
    @Module({ imports: [RevocationsModule.forRoot({ ...options, ...more })] })
    class Service {}
    const app = await NestFactory.create(Service, new ExpressAdapter(), {
      logger: false,
      abortOnError: false,
    });
    await app.init();
    const { token } = await issue(api.service, 'ada');
    const known = verdict(revocationsOf(app), token);
    await app.close();
    return known;
  };

  it('waits until it knows every revocation', async () => {
    expect(await start({})).toBe(false);
  });

  it('need not wait', async () => {
    const nats = { servers: 'nats://127.0.0.1:1' };
    expect(await start({ nats, waitUntilReady: false })).toBe('REVOCATIONS_STALE');
  });

  it('is refused with options that make no sense', async () => {
    const making = start({ service: 'no good name' });
    await expect(making).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
  });
});
