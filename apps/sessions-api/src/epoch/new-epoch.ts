import { parseArgs } from 'node:util';
import { readEnvironment } from '#environment/environment.js';
import { createPool } from '#event-log/connection.js';
import type { Pool } from 'pg';
import { variables } from '../config.js';
import { refuseUnsafeDatabase } from '../database-check.js';
import { beginEpoch } from './begin-epoch.js';
import { EpochRefusal } from './epoch-refusal.js';
import { type Follower, type Found, look, nextEpoch } from './found.js';
import { usage } from './usage.js';

const HEAD_LOCK_WITHIN_MS = 10_000;

const schema = variables.pick({ DATABASE_URL: true, NATS_URL: true }).partial({ NATS_URL: true });

const say = (line: string) => console.log(line);

function tell({ head, readModels, stream, whyNot }: Found): void {
  say(`The log ${head.logId} is in epoch ${head.epoch}, at position ${head.position}.`);
  if (readModels.size === 0) say('There is no read model yet.');
  for (const [projection, one] of readModels) say(`The read model ${projection} is ${followed(one)}`);
  if (stream === 'not looked at') say(`The stream was not looked at: ${whyNot}.`);
  else say(stream ? `The stream is ${followed(stream)}` : 'There is no stream.');
  const others = [...readModels.values(), stream].filter((one) => one !== 'not looked at');
  if (others.every((one) => !one || one.agrees))
    say('Nothing of that says that the log was put back to an older copy.');
}

function followed({ position, event, agrees }: Follower): string {
  const epoch = event ? ` of epoch ${event.epoch}` : '';
  return `at ${position}${epoch}${agrees ? ', as the log has it.' : ': the log does not have that.'}`;
}

const consequences = [
  'The relay deletes the stream and fills it again from the log, within ten seconds or when NATS is back.',
  'The projector empties the read model and builds it again. Until then lists are folded from the log: slower, and right.',
  'Whoever else follows the stream sees the epoch in Signoff-Log, and has to discard what it built and start again.',
  'The API goes on answering. Nothing has to be started again.',
];

async function run(pool: Pool, natsUrl: string | undefined, yes: boolean): Promise<void> {
  await refuseUnsafeDatabase(pool);
  const found = await look(pool, natsUrl);
  const to = nextEpoch(found);
  tell(found);
  if (!yes) {
    say(`With a new epoch, ${to}:`);
    for (const line of consequences) say(`  ${line}`);
    throw new EpochRefusal('CONFIRMATION_MISSING', 'nothing was changed; repeat it with --yes');
  }
  const position = await beginEpoch(pool, found.head, to);
  say(`Epoch ${found.head.epoch} has ended, epoch ${to} has begun, at position ${position}.`);
  for (const line of consequences) say(`  ${line}`);
}

let options: { yes?: boolean; help?: boolean };
try {
  ({ values: options } = parseArgs({
    options: { yes: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  }));
} catch (error) {
  console.error(`${(error as Error).message}; --help tells more`);
  process.exit(2);
}
if (options.help) say(usage);
else {
  const environment = readEnvironment(schema);
  const pool = createPool(environment.DATABASE_URL, {
    max: 1,
    application_name: 'signoff-new-epoch',
    lock_timeout: HEAD_LOCK_WITHIN_MS,
  });
  await run(pool, environment.NATS_URL, options.yes === true)
    .catch((error: Error) => {
      console.error(
        error instanceof EpochRefusal ? `${error.code}: ${error.message}` : `failed: ${error.message}`,
      );
      process.exitCode = 1;
    })
    .finally(() => pool.end());
}
