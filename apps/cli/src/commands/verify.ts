import { createReadStream } from 'node:fs';
import { postgresUrl, readEnvironment } from '#environment/environment.js';
import { createClient } from '#event-log/connection.js';
import type { Verification, VerifyOptions } from '#event-log/verify/verification.js';
import { verifyDatabase } from '#event-log/verify/verify-database.js';
import { verifyExport } from '#event-log/verify/verify-export.js';
import { Command } from 'commander';
import { z } from 'zod';
import { readCheckpoints, readKeys } from '../kept-files.js';
import { collect } from '../numbers.js';
import { sayJson } from '../output.js';
import { Pace } from '../pace.js';
import { tellVerification } from '../tell-verification.js';

interface Options {
  readonly export?: string;
  readonly checkpoints?: readonly string[];
  readonly key?: readonly string[];
  readonly json?: boolean;
}

export function verifyCommand(): Command {
  const command = new Command('verify')
    .description('check the log: every hash, every number, and that it is what checkpoints say it was')
    .option('--export <file>', 'of this export, offline (- for standard input), instead of DATABASE_URL')
    .option(
      '--checkpoints <file>',
      'compare with the checkpoints in this file or folder, kept elsewhere; may be given more than once',
      collect,
    )
    .option(
      '--key <key>',
      'that signs checkpoints: its text (name+id+key) or a file with it; may be given more than once',
      collect,
    )
    .option('--json', 'print what was found as JSON')
    .addHelpText(
      'after',
      `
Without --export it reads the database in DATABASE_URL as it is at one moment, while everything runs, and changes nothing.
It exits with 1 when anything is wrong, and names the first bad position. Only checkpoints and a key that were kept
elsewhere show that a log was rewritten as a whole by somebody who owns the database.`,
    );
  return command.action((options: Options) => {
    if (options.checkpoints && !options.key) {
      command.error('error: --checkpoints needs --key: what is signed by nobody known proves nothing');
    }
    return run(options);
  });
}

async function run(options: Options): Promise<void> {
  const pace = new Pace();
  const given: VerifyOptions = {
    checkpoints: await readCheckpoints(options.checkpoints ?? []),
    ...(options.key && { keys: await readKeys(options.key) }),
    ...(!options.json && { progress: (events: number, of: number | null) => pace.at(events, of) }),
  };
  const found =
    options.export === undefined ? await ofDatabase(given) : await ofExport(options.export, given);
  const { seconds } = pace;
  if (found.findingCount > 0) process.exitCode = 1;
  if (options.json) sayJson({ ok: found.findingCount === 0, seconds: Number(seconds.toFixed(3)), ...found });
  else tellVerification(found, seconds);
}

async function ofDatabase(given: VerifyOptions): Promise<Verification> {
  const { DATABASE_URL } = readEnvironment(z.object({ DATABASE_URL: postgresUrl }));
  const client = createClient(DATABASE_URL, { application_name: 'signoff-verify', keepAlive: true });
  await client.connect();
  try {
    return await verifyDatabase(client, given);
  } finally {
    await client.end();
  }
}

function ofExport(file: string, given: VerifyOptions): Promise<Verification> {
  const stream = file === '-' ? process.stdin : createReadStream(file, { highWaterMark: 1 << 20 });
  return verifyExport(stream.setEncoding('utf8') as AsyncIterable<string>, given);
}
