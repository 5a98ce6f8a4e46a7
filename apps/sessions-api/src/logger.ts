import { pino, type Logger } from 'pino';

export const LOGGER = Symbol('LOGGER');

/** Events with fields, one JSON object a line. No secret and no personal data is ever a field. */
export const createLogger = (level: string): Logger => pino({ level, base: { app: 'sessions-api' } });
