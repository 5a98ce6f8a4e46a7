import { postgresUrl, readEnvironment } from '#environment/environment.js';
import { CreateEventLog1761955200000 } from '#event-log/migrations/create-event-log.js';
import { CreateCheckpoint1761955200016 } from '#event-log/migrations/create-checkpoint.js';
import { eventLogGrants } from '#event-log/migrations/grants.js';
import { IndexSessions1761955200013 } from '#event-log/migrations/index-sessions.js';
import { IndexMasterKeys1761955200011 } from '#event-log/migrations/index-master-keys.js';
import { IndexPersonalMonths1761955200017 } from '#event-log/migrations/index-personal-months.js';
import { CreateAuditEntry1761955200015 } from '#read-model/migrations/create-audit-entry.js';
import { CreateReadModel1761955200001 } from '#read-model/migrations/create-read-model.js';
import { CreateActivity1761955200003 } from '#read-model/migrations/create-activity.js';
import { CreateActivityHeard1761955200012 } from '#read-model/migrations/create-activity-heard.js';
import { DropPersonalColumns1761955200018 } from '#read-model/migrations/drop-personal-columns.js';
import { readModelGrants } from '#read-model/migrations/grants.js';
import { escapeIdentifier, escapeLiteral } from 'pg';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { CreateSigningKey1761955200002 } from './access/migrations/create-signing-key.js';
import { accessGrants } from './access/migrations/grants.js';
import { RotateSigningKey1761955200010 } from './access/migrations/rotate-signing-key.js';
import { CreateSubscriber1761955200014 } from './effect/migrations/create-subscriber.js';
import { effectGrants } from './effect/migrations/grants.js';

const SCHEMAS = ['event_log', 'read_model', 'access', 'effect'];
const MIGRATION_LOCK = 51_600_001;

/** Brings the database to what this version needs: schemas, tables, the application's role and what it may do. */
async function migrate(ownerUrl: string, applicationUrl: string): Promise<void> {
  const application = new URL(applicationUrl);
  const role = decodeURIComponent(application.username);
  const database = new DataSource({
    type: 'postgres',
    url: ownerUrl,
    schema: 'event_log',
    migrationsTableName: 'migration',
    migrations: [
      CreateEventLog1761955200000,
      CreateReadModel1761955200001,
      CreateSigningKey1761955200002,
      CreateActivity1761955200003,
      RotateSigningKey1761955200010,
      IndexMasterKeys1761955200011,
      CreateActivityHeard1761955200012,
      IndexSessions1761955200013,
      CreateSubscriber1761955200014,
      CreateCheckpoint1761955200016,
      IndexPersonalMonths1761955200017,
      CreateAuditEntry1761955200015,
      DropPersonalColumns1761955200018,
    ],
  });
  await database.initialize();
  const runner = database.createQueryRunner();
  const query: Query = (text, parameters) => runner.query(text, parameters);
  try {
    await query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await refuseOwnersRole(query, role);
    for (const schema of SCHEMAS) await query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
    const done = await database.runMigrations({ transaction: 'each' });
    await createRole(query, role, decodeURIComponent(application.password));
    const grantee = escapeIdentifier(role);
    const grants = [eventLogGrants, readModelGrants, accessGrants, effectGrants].flatMap((of) => of(grantee));
    for (const grant of grants) await query(grant);
    console.log(JSON.stringify({ msg: 'migrate.done', migrations: done.map(({ name }) => name) }));
  } finally {
    await runner.release();
    await database.destroy();
  }
}

type Query = (text: string, parameters?: unknown[]) => Promise<unknown>;

/** An owner may change its tables whatever is granted: events would only be guarded by their trigger. */
async function refuseOwnersRole(query: Query, role: string): Promise<void> {
  const [same] = (await query('SELECT 1 WHERE current_user = $1', [role])) as unknown[];
  if (same) throw new Error('DATABASE_URL must name another role than MIGRATION_DATABASE_URL');
}

async function createRole(query: Query, role: string, password: string): Promise<void> {
  const [known] = (await query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role])) as unknown[];
  if (known) return;
  try {
    await query(`CREATE ROLE ${escapeIdentifier(role)} LOGIN PASSWORD ${escapeLiteral(password)}`);
  } catch (error) {
    // Another database of the same server may have been migrated at the same moment.
    if (!['23505', '42710'].includes((error as { code?: string }).code ?? '')) throw error;
  }
}

const { MIGRATION_DATABASE_URL, DATABASE_URL } = readEnvironment(
  z.object({ MIGRATION_DATABASE_URL: postgresUrl, DATABASE_URL: postgresUrl }),
);
try {
  await migrate(MIGRATION_DATABASE_URL, DATABASE_URL);
} catch (error) {
  console.error(`The database could not be migrated: ${(error as Error).message}`);
  process.exitCode = 1;
}
