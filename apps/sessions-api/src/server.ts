import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppModule } from './app.module.js';
import type { Config } from './config.js';
import { readBodies } from './http/body.js';
import { inputPipe } from './http/input.pipe.js';
import { ProblemFilter } from './http/problem.filter.js';
import { Routes } from './http/routes.js';

const BODY_LIMIT_BYTES = 65_536;
/** 128 code points of an account id, four bytes each, percent-encoded. */
const MAX_PARAM_LENGTH = 128 * 4 * 3;
const REQUEST_ID = /^[\w.-]{1,128}$/;

/** The whole application, ready to listen. */
export async function createServer(config: Config): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_LIMIT_BYTES,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    genReqId: ({ headers }: IncomingMessage) => {
      const given = headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
    },
    // A path that Fastify cannot read comes past every hook and filter.
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      reply.headers(onEveryAnswer(request));
      app.get(ProblemFilter).answer(error, request, reply);
    },
  });
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.with(config), adapter, {
    logger: ['warn', 'error', 'fatal'],
    abortOnError: false,
  });
  const instance = adapter.getInstance<FastifyInstance>();
  app.get(Routes).watch(instance);
  readBodies(adapter);
  instance.addHook('onRequest', async (request, reply) => {
    reply.headers(onEveryAnswer(request));
  });
  app.useGlobalPipes(inputPipe);
  app.useGlobalFilters(app.get(ProblemFilter));
  describe(app);
  await app.init();
  return app;
}

const onEveryAnswer = ({ id }: FastifyRequest) => ({ 'cache-control': 'no-store', 'x-request-id': id });

function describe(app: NestFastifyApplication): void {
  const document = new DocumentBuilder()
    .setTitle('Signoff')
    .setDescription('Who is signed in, ending sign-ins at once, and proof of what happened.')
    .setVersion('0.1.0')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'A session credential or an API key' })
    .build();
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, document), {
    jsonDocumentUrl: 'openapi.json',
  });
}
