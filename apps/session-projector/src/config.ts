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

/** `.env.example` says the same to the operator. */
export const configSchema = z.object({
  NODE_ENV: nodeEnv,
  LOG_LEVEL: logLevel,
  PROJECTOR_PORT: port.default(3_001),
  HOST: z.string().default('127.0.0.1'),
  DATABASE_URL: postgresUrl,
  NATS_URL: natsUrl,
  MASTER_KEY: masterKey,
  NEW_MASTER_KEY: masterKey.optional(),
  PREVIOUS_MASTER_KEYS: masterKeys.default([]),
  OTEL_EXPORTER_OTLP_ENDPOINT: otlpEndpoint.optional(),
  OTEL_TRACES_SAMPLER_ARG: shareOfTraces.default(1),
});

/** What the rebuild needs: no bus, and the owner of the tables. */
export const rebuildSchema = configSchema
  .pick({ DATABASE_URL: true, MASTER_KEY: true, NEW_MASTER_KEY: true, PREVIOUS_MASTER_KEYS: true })
  .extend({ MIGRATION_DATABASE_URL: postgresUrl });

export type Config = z.output<typeof configSchema>;
export const CONFIG = Symbol('CONFIG');
