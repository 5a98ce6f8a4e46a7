import 'reflect-metadata';
import { readEnvironment } from '#environment/environment.js';
import { startTracing } from '#telemetry/tracing.js';
import { VERSION } from '#telemetry/version.js';
import { createServer } from './server.js';
import { configSchema } from './config.js';
import { createLogger } from './logger.js';

const config = readEnvironment(configSchema);
const logger = createLogger(config.LOG_LEVEL);
try {
  await startTracing({
    endpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT,
    share: config.OTEL_TRACES_SAMPLER_ARG,
    service: 'sessions-api',
    version: VERSION,
    failed: (reason) => logger.warn({ reason }, 'tracing.failed'),
  });
  const app = await createServer(config);
  await app.listen(config.PORT, config.HOST);
  // Nest cannot stop what it is still starting: until here a signal ends the process.
  app.enableShutdownHooks([], { useProcessExit: true });
  logger.info({ url: await app.getUrl() }, 'api.listening');
} catch (err) {
  logger.fatal({ err }, 'api.start-failed');
  process.exit(1);
}
