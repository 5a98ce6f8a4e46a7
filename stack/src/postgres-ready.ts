import { Client } from 'pg';

export const ownerRole = 'signoff_owner';
const databaseName = 'signoff';

/** After a crash the server replays its log first, which can take its time. */
const patience = 120_000;

/** Connects until the server answers, then makes the database if it is missing. */
export async function waitForPostgres(ownerUrl: string, giveUp: AbortSignal): Promise<void> {
  const url = new URL(ownerUrl);
  url.pathname = '/postgres';
  const giveUpAt = Date.now() + patience;
  for (;;) {
    giveUp.throwIfAborted();
    const client = new Client({ connectionString: url.href, connectionTimeoutMillis: 5_000 });
    client.on('error', () => {});
    try {
      await client.connect();
    } catch (error) {
      if (!isStarting(error) || Date.now() > giveUpAt) throw error;
      await new Promise((resolve) => setTimeout(resolve, 30));
      continue;
    }
    try {
      const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [databaseName]);
      if (rowCount === 0) await client.query(`CREATE DATABASE ${databaseName} OWNER ${ownerRole}`);
      return;
    } finally {
      await client.end();
    }
  }
}

function isStarting(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === 'ECONNREFUSED' || code === 'ECONNRESET' || code === '57P03';
}
