import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Controller, Get, Module, type Type, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import express from 'express';
import Fastify from 'fastify';
import { connect, type ConnectOptions } from '#revocations/connect.js';
import { signoff as expressSignoff } from '#revocations/express.js';
import { signoff as fastifySignoff } from '#revocations/fastify.js';
import { CurrentSession } from '#revocations/nestjs/current-session.js';
import { REVOCATIONS } from '#revocations/nestjs/options.js';
import { RevocationsModule } from '#revocations/nestjs/revocations.module.js';
import { SessionGuard } from '#revocations/nestjs/session.guard.js';
import type { Revocations, VerifiedSession } from '#revocations/revocations.js';

/** A service that answers `/account` with the session of whoever asks, and `/health` to everybody. */
export interface HttpService {
  readonly url: string;
  readonly revocations: Revocations;
  stop(): Promise<void>;
}

type Options = ConnectOptions & { readonly jwks: string };

@Controller()
class Account {
  @Get('health')
  health() {
    return { status: 'ok' };
  }

  @Get('account')
  @UseGuards(SessionGuard)
  account(@CurrentSession() session: VerifiedSession) {
    return session;
  }
}

export async function startExpress(options: Options): Promise<HttpService> {
  const revocations = connect(options);
  const app = express();
  app.get('/health', (_, response) => void response.json({ status: 'ok' }));
  app.use(expressSignoff(revocations));
  app.get('/account', (request, response) => void response.json(request.signoff));
  await revocations.ready();
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    revocations,
    async stop() {
      server.close();
      server.closeAllConnections();
      await revocations.close();
    },
  };
}

export async function startFastify(options: Options): Promise<HttpService> {
  const revocations = connect(options);
  const app = Fastify({ forceCloseConnections: true });
  app.get('/health', () => ({ status: 'ok' }));
  app.register(async (within) => {
    within.register(fastifySignoff, { revocations });
    within.get('/account', (request) => request.signoff);
    within.register(async (deeper) => {
      deeper.get('/deeper/account', (request) => request.signoff);
    });
  });
  app.addHook('onClose', () => revocations.close());
  await revocations.ready();
  return { url: await app.listen({ port: 0, host: '127.0.0.1' }), revocations, stop: () => app.close() };
}

const startNest =
  (adapter: Type<ExpressAdapter> | Type<FastifyAdapter>) =>
  async (options: Options): Promise<HttpService> => {
    @Module({ imports: [RevocationsModule.forRoot(options)], controllers: [Account] })
    class Service {}
    const app = await NestFactory.create(Service, new adapter(), {
      logger: false,
      forceCloseConnections: true,
    });
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as AddressInfo;
    const revocations = app.get<Revocations>(REVOCATIONS);
    return { url: `http://127.0.0.1:${port}`, revocations, stop: () => app.close() };
  };

export const startNestOnExpress = startNest(ExpressAdapter);
export const startNestOnFastify = startNest(FastifyAdapter);
