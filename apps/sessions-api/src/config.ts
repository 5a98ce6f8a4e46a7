import {
  logLevel,
  masterKey,
  masterKeys,
  natsUrl,
  nodeEnv,
  otlpEndpoint,
  port,
  postgresUrl,
  shareOfTraces,
} from '#environment/environment.js';
import { z } from 'zod';
import { type Network, parseNetwork } from './http/client-address.js';

const MAX_LIFE_DAYS = 90;
const DAY_SECONDS = 86_400;

const wholeNumber = (min: number, max: number) => z.coerce.number().int().min(min).max(max);

/** Values separated by commas; none by default. */
const list = <Item>(read: (text: string) => Item | undefined, problem: string) =>
  z
    .string()
    .default('')
    .transform((text, context) =>
      text
        .split(',')
        .map((one) => one.trim())
        .filter((one) => one !== '')
        .flatMap((one) => {
          const item = read(one);
          if (item === undefined) context.addIssue({ code: 'custom', message: `${problem}, not "${one}"` });
          return item === undefined ? [] : [item];
        }),
    );

const originOf = (text: string) =>
  /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text ? text : undefined;

/** Each by itself, for commands that need some. `.env.example` says the same to the operator. */
export const variables = z.object({
  NODE_ENV: nodeEnv,
  LOG_LEVEL: logLevel,
  PORT: port.default(3_000),
  HOST: z.string().default('127.0.0.1'),
  DATABASE_URL: postgresUrl,
  DATABASE_POOL: wholeNumber(2, 200).default(10),
  NATS_URL: natsUrl,
  MASTER_KEY: masterKey,
  NEW_MASTER_KEY: masterKey.optional(),
  PREVIOUS_MASTER_KEYS: masterKeys.default([]),
  BOOTSTRAP_SERVICE_KEY: z.string().min(32, 'must have 32 characters or more').optional(),
  ISSUER: z.string().default('signoff'),
  AUDIENCE: z.string().optional(),
  SESSIONS_PER_ACCOUNT: wholeNumber(1, 1_000).default(500),
  SESSION_MAX_LIFE_DAYS: wholeNumber(1, MAX_LIFE_DAYS).default(MAX_LIFE_DAYS),
  SESSION_IDLE_MINUTES: wholeNumber(0, 525_600).default(0),
  PERSONAL_DATA_DAYS: wholeNumber(0, 36_500).default(0),
  RATE_LIMIT_PER_MINUTE: wholeNumber(0, 1_000_000_000).default(60_000),
  CORS_ORIGINS: list(originOf, 'must be origins, such as https://panel.example'),
  TRUSTED_PROXIES: list<Network>(parseNetwork, 'must be addresses or networks, such as 10.0.0.0/8'),
  OTEL_EXPORTER_OTLP_ENDPOINT: otlpEndpoint.optional(),
  OTEL_TRACES_SAMPLER_ARG: shareOfTraces.default(1),
  STREAM_REPLICAS: wholeNumber(1, 5).default(1),
  STREAM_MAX_AGE_DAYS: z.coerce
    .number()
    .min(MAX_LIFE_DAYS + 1, `must exceed the longest session life (${MAX_LIFE_DAYS} days) by a day`)
    .default(100),
  STREAM_MAX_BYTES: wholeNumber(-1, Number.MAX_SAFE_INTEGER).default(-1),
});

export const configSchema = variables.refine(
  ({ PERSONAL_DATA_DAYS: days, SESSION_MAX_LIFE_DAYS: life }) => days === 0 || days > life,
  {
    path: ['PERSONAL_DATA_DAYS'],
    error: 'must exceed SESSION_MAX_LIFE_DAYS by a day at least, or be 0',
  },
);

export type Config = z.output<typeof configSchema>;
export const CONFIG = Symbol('CONFIG');

export const maxLifeSeconds = (config: Config) => config.SESSION_MAX_LIFE_DAYS * DAY_SECONDS;

export const streamSettings = (config: Config) => ({
  replicas: config.STREAM_REPLICAS,
  maxAgeMs: config.STREAM_MAX_AGE_DAYS * DAY_SECONDS * 1_000,
  maxBytes: config.STREAM_MAX_BYTES,
});
