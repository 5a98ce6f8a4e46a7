import 'reflect-metadata';
import { readEnvironment } from '#environment/environment.js';
import { createServer } from './server.js';
import { configSchema } from './config.js';
import { createLogger } from './logger.js';

const config = readEnvironment(configSchema);
const logger = createLogger(config.LOG_LEVEL);
try {
  const app = await createServer(config);
  app.enableShutdownHooks([], { useProcessExit: true });
  await app.listen(config.PORT, config.HOST);
  logger.info({ url: await app.getUrl() }, 'api.listening');
} catch (err) {
  logger.fatal({ err }, 'api.start-failed');
  process.exit(1);
}
