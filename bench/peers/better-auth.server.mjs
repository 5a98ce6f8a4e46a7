import { createServer } from 'node:http';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { toNodeHandler } from 'better-auth/node';
import { redisStorage } from '@better-auth/redis-storage';
import { Redis } from 'ioredis';
import pg from 'pg';

const { PORT, PEERS_URL, PEERS_SECRET, DATABASE_POOL, REDIS_URL } = process.env;

const auth = betterAuth({
  baseURL: `http://127.0.0.1:${PORT}`,
  secret: PEERS_SECRET,
  database: new pg.Pool({ connectionString: PEERS_URL, max: Number(DATABASE_POOL) }),
  ...(REDIS_URL && { secondaryStorage: redisStorage({ client: new Redis(REDIS_URL) }) }),
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  experimental: { joins: true },
});
const { runMigrations } = await getMigrations(auth.options);
await runMigrations();
createServer(toNodeHandler(auth)).listen(PORT, '127.0.0.1');
