import { VERSION } from '#telemetry/version.js';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppModule } from './app.module.js';
import type { Config } from './config.js';
import { setAnswerHeaders } from './http/answer-headers.js';
import { readBodies } from './http/body.js';
import { trusts } from './http/client-address.js';
import { connectionLimits } from './http/connection-limits.js';
import { allowOrigins } from './http/cross-origin.js';
import { drainOnStop } from './http/drain.js';
import { inputPipe } from './http/input.pipe.js';
import { lingerOnClose } from './http/lingering-close.js';
import { requireNoBodyToDelete } from './http/open-api.js';
import { observeAnswers } from './http/observe.js';
import { refuseOddRequests } from './http/odd-requests.js';
import { carryOutInOrder } from './http/pipelines.js';
import { ProblemFilter } from './http/problem.filter.js';
import { limitRates, type RateLimits } from './http/rate-limits.js';
import { Refusals } from './http/refusals.js';
import { requestIds } from './http/request-id.js';
import { MAX_PARAM_LENGTH, Routes } from './http/routes.js';
import { traceRequests } from './http/trace-requests.js';
import { refuseUnreadablePath } from './http/unreadable-path.js';
import { refuseUnreadable } from './http/unreadable-request.js';
import { writeTogether } from './http/write-together.js';
import { Metrics } from './metrics.js';
import { BusConnection } from './relay/bus-connection.js';
import { QuestionLimit } from './rpc/question-limit.js';
import { RpcServer } from './rpc/rpc-server.js';

/** The whole application, ready to listen. */
export async function createServer(config: Config): Promise<NestFastifyApplication> {
  let limits: RateLimits | undefined;
  const isTrusted = trusts(config.TRUSTED_PROXIES);
  const adapter = new FastifyAdapter({
    ...connectionLimits,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    trustProxy: config.TRUSTED_PROXIES.length > 0 && isTrusted,
    genReqId: requestIds(config.BOOTSTRAP_SERVICE_KEY),
    clientErrorHandler: (error, socket) =>
      refuseUnreadable(error, socket, (refusal) => app.get(Refusals).tell(refusal)),
    // What is asked while we stop is answered.
    return503OnClosing: false,
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) =>
      refuseUnreadablePath(error, request, reply, {
        problems: app.get(ProblemFilter),
        metrics: app.get(Metrics),
        limit: limits?.ofRequest,
        isTrusted,
      }),
  });
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.with(config), adapter, {
    logger: ['warn', 'error', 'fatal'],
    abortOnError: false,
  });
  const instance = adapter.getInstance<FastifyInstance>();
  app.get(Routes).watch(instance);
  observeAnswers(instance, app.get(Metrics));
  lingerOnClose(instance.server);
  writeTogether(instance.server);
  drainOnStop(instance);
  carryOutInOrder(instance);
  traceRequests(instance);
  instance.addHook('onRequest', (request, reply, done) => {
    setAnswerHeaders(request, reply);
    done();
  });
  if (config.RATE_LIMIT_PER_MINUTE > 0) {
    limits = limitRates(instance, config.RATE_LIMIT_PER_MINUTE);
    app.get(QuestionLimit).count = limits.ofQuestion;
  }
  refuseOddRequests(instance);
  allowOrigins(app, config.CORS_ORIGINS);
  readBodies(adapter);
  app.useGlobalPipes(inputPipe);
  app.useGlobalFilters(app.get(ProblemFilter));
  describe(app);
  app.connectMicroservice({ strategy: new RpcServer(app.get(BusConnection)) }, { inheritAppConfig: true });
  await app.init();
  // NATS may come late: it is not waited for.
  void app.startAllMicroservices();
  return app;
}

function describe(app: NestFastifyApplication): void {
  const document = new DocumentBuilder()
    .setTitle('Signoff')
    .setDescription('Who is signed in, ending sign-ins at once, and proof of what happened.')
    .setVersion(VERSION)
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'A session credential or an API key' })
    .build();
  SwaggerModule.setup('docs', app, () => requireNoBodyToDelete(SwaggerModule.createDocument(app, document)), {
    jsonDocumentUrl: 'openapi.json',
  });
}
