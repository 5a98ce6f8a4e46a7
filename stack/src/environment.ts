import { masterKey, natsUrl, nodeEnv, port, postgresUrl } from '#environment/environment.js';
import { z } from 'zod';

/** Also when another value is bad, so that every problem is named at once. */
const missing = (name: string, because: string) => ({
  path: [name],
  message: `is missing: ${because}`,
  when: () => true,
});

/** What `npm start` reads itself; everything else goes to the apps as it is. */
export const environmentSchema = z
  .object({
    PORT: port.default(3000),
    PROJECTOR_PORT: port.optional(),
    HOST: z.string().default('127.0.0.1'),
    DATA_DIR: z.string().default('.data'),
    DATABASE_URL: postgresUrl.optional(),
    MIGRATION_DATABASE_URL: postgresUrl.optional(),
    NATS_URL: natsUrl.optional(),
    BOOTSTRAP_SERVICE_KEY: z.string().min(32, 'must have 32 characters or more').optional(),
    MASTER_KEY: masterKey.optional(),
    ISSUER: z.string().default('signoff'),
    NODE_ENV: nodeEnv,
  })
  .refine(
    (given) => !given.DATABASE_URL || given.MIGRATION_DATABASE_URL,
    missing('MIGRATION_DATABASE_URL', 'with DATABASE_URL, migrations need the owner of that database'),
  )
  .refine(
    (given) => !given.MIGRATION_DATABASE_URL || given.DATABASE_URL,
    missing('DATABASE_URL', 'with MIGRATION_DATABASE_URL, the apps need a role in that database'),
  )
  .refine(
    (given) => given.NODE_ENV !== 'production' || given.MASTER_KEY,
    missing('MASTER_KEY', 'it is made by itself in development only'),
  );

export type Environment = z.output<typeof environmentSchema>;
