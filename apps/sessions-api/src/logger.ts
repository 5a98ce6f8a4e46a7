import { pino, type Logger } from 'pino';

export const LOGGER = Symbol('LOGGER');

/** Events with fields, one JSON object a line. No secret and no personal data is ever a field. */
export const createLogger = (level: string): Logger =>
  pino({ level, base: { app: 'sessions-api' }, serializers: { err: told } });

/** What pino's own would add may quote the value that PostgreSQL refused (`detail`, `where`), and that may be personal. */
function told(error: unknown): object | undefined {
  if (!(error instanceof Error)) return error === undefined ? undefined : { type: typeof error };
  const { name, message, stack, cause } = error;
  const { code } = error as { code?: unknown };
  return { type: name, code, message, stack, ...(cause !== undefined && { cause: told(cause) }) };
}
