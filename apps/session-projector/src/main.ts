import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { readEnvironment } from '#environment/environment.js';
import { startTracing } from '#telemetry/tracing.js';
import { VERSION } from '#telemetry/version.js';
import { AppModule } from './app.module.js';
import { configSchema } from './config.js';
import { createLogger, nestLogger } from './logger.js';
import { Projector } from './projector.js';

const config = readEnvironment(configSchema);
const logger = createLogger(config.LOG_LEVEL);
try {
  await startTracing({
    endpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT,
    share: config.OTEL_TRACES_SAMPLER_ARG,
    service: 'session-projector',
    version: VERSION,
    failed: (reason) => logger.warn({ reason }, 'tracing.failed'),
  });
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.with(config, logger),
    new FastifyAdapter({ forceCloseConnections: true }),
    { logger: nestLogger(logger), abortOnError: false },
  );
  app.connectMicroservice<MicroserviceOptions>({ strategy: app.get(Projector) });
  await app.listen(config.PROJECTOR_PORT, config.HOST);
  // Nest cannot stop what it is still starting: until here a signal ends the process, with nothing in hand.
  app.enableShutdownHooks(['SIGTERM', 'SIGINT'], { useProcessExit: true });
  await app.startAllMicroservices();
  logger.info({ url: await app.getUrl() }, 'projector.started');
} catch (err) {
  logger.fatal({ err }, 'projector.failed');
  process.exit(1);
}
