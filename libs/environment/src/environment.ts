import { z } from 'zod';

export const port = z
  .string()
  .refine(
    (text) => /^\d{1,5}$/.test(text) && Number(text) <= 65_535,
    'must be a whole number from 0 to 65535',
  )
  .transform(Number);

const urlOf = (...protocols: string[]) =>
  z
    .string()
    .refine(
      (text) =>
        text.split(',').every((one) => URL.canParse(one) && protocols.includes(new URL(one).protocol)),
      `must be a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
    );

export const postgresUrl = urlOf('postgres:', 'postgresql:');
export const natsUrl = urlOf('nats:', 'tls:');

export const masterKey = z
  .base64('must be base64')
  .refine(
    (text) => Buffer.from(text, 'base64').length === 32,
    'must be 32 bytes in base64 (openssl rand -base64 32)',
  );

export const otlpEndpoint = urlOf('http:', 'https:');
export const shareOfTraces = z.coerce.number().min(0).max(1);

/** Separated by commas. */
export const masterKeys = z
  .string()
  .transform((text) => text.split(',').map((one) => one.trim()))
  .pipe(z.array(masterKey));

export const nodeEnv = z.enum(['development', 'test', 'production']).default('development');
export const logLevel = z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info');

/**
 * Reads the environment through one schema. An empty value counts as not given, as in a copied `.env.example`.
 * On bad values every problem is printed, and the process exits with 1.
 */
export function readEnvironment<Schema extends z.ZodType>(
  schema: Schema,
  variables: NodeJS.ProcessEnv = process.env,
): z.output<Schema> {
  const given = Object.entries(variables).filter(([, value]) => value?.trim());
  const parsed = schema.safeParse(Object.fromEntries(given));
  if (parsed.success) return parsed.data;
  for (const { path, message } of parsed.error.issues) console.error(`${path.join('.')}: ${message}`);
  process.exit(1);
}
