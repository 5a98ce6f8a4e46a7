import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { findNatsServer } from '../../dist/stack/src/nats-binary.js';
import { startPostgres } from '../../dist/stack/src/postgres.js';

const TEMPLATE_DATABASE = 'signoff_template';
const say = (line) => console.error(line);
const migrateEntry = join(import.meta.dirname, '../../dist/apps/sessions-api/src/migrate.js');

/** One private PostgreSQL for the whole run, with a migrated database that every test file gets a copy of. */
export default async function setUp() {
  const folder = await mkdtemp(join(tmpdir(), 'signoff-test-'));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeFolder);
  // The account that runs PostgreSQL when we are root has to pass through.
  await chmod(folder, 0o711);
  let postgres;
  const tearDown = async () => {
    await postgres?.stop();
    await rm(folder, { recursive: true, force: true });
    process.removeListener('exit', removeFolder);
  };
  try {
    const natsServer = await findNatsServer(say);
    postgres = await startPostgres({
      dataDir: join(folder, 'postgres'),
      binDir: process.env.POSTGRES_BIN_DIR || undefined,
      say,
    });
    const ownerUrl = new URL(postgres.ownerUrl);
    ownerUrl.pathname = TEMPLATE_DATABASE;
    const appUrl = new URL(ownerUrl);
    appUrl.username = 'signoff_app';
    appUrl.password = randomBytes(24).toString('base64url');
    await createTemplate(postgres.ownerUrl, ownerUrl.href, appUrl.href);

    // Workers are started with this environment.
    process.env.NATS_SERVER = natsServer;
    process.env.SIGNOFF_TEST_FOLDER = folder;
    process.env.SIGNOFF_TEST_OWNER_URL = ownerUrl.href;
    process.env.SIGNOFF_TEST_APP_URL = appUrl.href;
    globalThis.signoffTearDown = tearDown;
    process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  } catch (error) {
    await tearDown();
    throw error;
  }

  async function interrupted() {
    // Servers that still write may be faster than the removal of their folder: it is tried again at the exit.
    await tearDown().catch((error) => say(error.message));
    process.exit(130);
  }
}

async function createTemplate(serverUrl, ownerUrl, appUrl) {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  await client.query(`CREATE DATABASE ${TEMPLATE_DATABASE}`);
  await client.end();
  await promisify(execFile)(process.execPath, [migrateEntry], {
    env: { ...process.env, MIGRATION_DATABASE_URL: ownerUrl, DATABASE_URL: appUrl },
  });
}
