import type { LoggerService } from '@nestjs/common';
import { pino, type Logger } from 'pino';

export const LOGGER = Symbol('LOGGER');

export function createLogger(level: string): Logger {
  return pino({
    base: { app: 'session-projector' },
    level,
    // A detail or cause may quote the value that was refused, and that value may be personal.
    serializers: {
      err: (error: Error & { code?: unknown }) =>
        error && { type: error.name, code: error.code, message: error.message, stack: error.stack },
    },
  });
}

/** What Nest says of its own start is worth a line only to someone who debugs it. */
export const nestLogger = (logger: Logger): LoggerService => ({
  log: (message) => logger.debug({ message }, 'nest'),
  debug: (message) => logger.debug({ message }, 'nest'),
  verbose: (message) => logger.trace({ message }, 'nest'),
  warn: (message) => logger.warn({ message }, 'nest'),
  error: (message) => logger.error({ message }, 'nest'),
});
