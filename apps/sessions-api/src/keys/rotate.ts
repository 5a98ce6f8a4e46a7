import { parseArgs } from 'node:util';
import { createPool } from '#event-log/connection.js';
import { MasterKey, masterKeyFrom } from '#event-log/master-key.js';
import { readEnvironment } from '#environment/environment.js';
import type { Pool } from 'pg';
import type { z } from 'zod';
import { variables } from '../config.js';
import { refuseUnsafeDatabase } from '../database-check.js';
import { KeyRefusal } from './key-refusal.js';
import { listSigningKeys } from './list-signing-keys.js';
import { removeSigningKey, lookAtSigningKey } from './remove-signing-key.js';
import { rotateCheckpointKey } from './rotate-checkpoint-key.js';
import { rotateMasterKey, type MasterKeys } from './rotate-master-key.js';
import { rotateSigningKey } from './rotate-signing-key.js';
import { usage } from './usage.js';

/** A SHA-256 in base64url, as RFC 7638 makes names of keys. */
const KID = /^[\w-]{43}$/;
const SAY_AT_MOST_EVERY_MS = 1_000;

const schema = variables.pick({
  DATABASE_URL: true,
  MASTER_KEY: true,
  NEW_MASTER_KEY: true,
  PREVIOUS_MASTER_KEYS: true,
});
type Environment = z.output<typeof schema>;
type Command = (pool: Pool, environment: Environment) => Promise<void>;

const say = (line: string) => console.log(line);

/** Undefined: help is wanted. */
function commandOf(given: readonly string[]): Command | undefined {
  // One in 64 kids begins with a dash, and would be taken for an option.
  const kid = given.find((arg) => KID.test(arg));
  const { positionals, values } = parseArgs({
    args: given.filter((arg) => arg !== kid),
    allowPositionals: true,
    options: {
      'at-once': { type: 'boolean' },
      yes: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const { 'at-once': atOnce = false, yes = false, help = false } = values;
  if (help) return undefined;
  const [name, ...more] = positionals;
  if (name === 'remove' && kid === undefined) throw new Error('remove takes a kid, which has 43 characters');
  if (more.length > 0) throw new Error(`this is no command: ${given.join(' ')}`);
  const isPlain = kid === undefined && !yes;
  if (name === 'list' && isPlain && !atOnce) return list;
  if (name === 'signing' && isPlain) return rotateSigning(atOnce);
  if (name === 'remove' && kid && !atOnce) return remove(kid, yes);
  if (name === 'checkpoint' && isPlain && !atOnce) return rotateCheckpoint;
  if (name === 'master' && isPlain && !atOnce) return rotateMaster;
  throw new Error(name === undefined ? 'a command is missing' : `this is no command: ${given.join(' ')}`);
}

const list: Command = async (pool) => say(await listSigningKeys(pool));

const rotateSigning =
  (atOnce: boolean): Command =>
  async (pool, environment) => {
    const { kid, signsFrom } = await rotateSigningKey(pool, masterKeyFrom(environment), atOnce);
    say(
      signsFrom === 'now'
        ? `${kid} is published and signs at every API process`
        : `${kid} is published at every API process, and signs from ${signsFrom.toISOString()}`,
    );
  };

const remove =
  (kid: string, yes: boolean): Command =>
  async (pool, environment) => {
    const { key, state } = await lookAtSigningKey(pool, kid);
    if (!yes) {
      say(`${kid} is ${state}, and was made to sign from ${key.signsFrom.toISOString()}.`);
      say(
        'Whoever holds a credential that was signed with it will get 401, and introspection will say "inactive",',
      );
      say(
        'until signing in again, or until the login service extends the session. Sessions themselves stay.',
      );
      throw new KeyRefusal('CONFIRMATION_MISSING', 'nothing was changed; repeat it with --yes');
    }
    const { state: before, successor } = await removeSigningKey(pool, masterKeyFrom(environment), kid);
    if (before === 'removed') say(`${kid} had been removed already`);
    else
      say(`${kid} is removed (it was ${before}); no API process publishes it or accepts a credential of it`);
    if (successor) say(`${successor} signs in its place`);
    say(
      'Services that verify credentials by themselves follow when they next fetch the JWKS (max-age 300 s)',
    );
  };

const rotateCheckpoint: Command = async (pool, environment) => {
  const key = await rotateCheckpointKey(pool, masterKeyFrom(environment));
  say(`${key} signs checkpoints from now on: keep it where checkpoints are kept, beside those before`);
};

const rotateMaster: Command = async (pool, environment) => {
  const { to, from } = masterKeysOf(environment);
  let saidAt = -Infinity;
  const done = await rotateMasterKey(pool, { to, from }, ({ table }, done, of) => {
    if (done < of && performance.now() - saidAt < SAY_AT_MOST_EVERY_MS) return;
    saidAt = performance.now();
    say(`${table}: ${done} of ${of}`);
  });
  say(`${done} keys were wrapped anew; all are wrapped by the master key ${to.id}`);
};

function masterKeysOf({ MASTER_KEY, NEW_MASTER_KEY, PREVIOUS_MASTER_KEYS }: Environment): MasterKeys {
  const [to, ...from] = [
    ...(NEW_MASTER_KEY ? [NEW_MASTER_KEY] : []),
    MASTER_KEY,
    ...PREVIOUS_MASTER_KEYS,
  ].map((text) => new MasterKey(Buffer.from(text, 'base64')));
  return { to: to!, from };
}

async function run(command: Command): Promise<void> {
  const environment = readEnvironment(schema);
  const pool = createPool(environment.DATABASE_URL, { max: 2, application_name: 'signoff-keys' });
  try {
    await refuseUnsafeDatabase(pool);
    await command(pool, environment);
  } finally {
    await pool.end();
  }
}

let command: Command | undefined;
try {
  command = commandOf(process.argv.slice(2));
} catch (error) {
  console.error(`${(error as Error).message}; --help tells the commands`);
  process.exit(2);
}
if (!command) say(usage);
else {
  await run(command).catch((error: Error) => {
    console.error(
      error instanceof KeyRefusal ? `${error.code}: ${error.message}` : `failed: ${error.message}`,
    );
    process.exitCode = 1;
  });
}
