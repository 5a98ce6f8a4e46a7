#!/usr/bin/env node
import { parseArgs } from 'node:util';
import type { JsMsg } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { NAME } from '../protocol.js';
import { Letters, readLetter, type Letter } from './letters.js';
import { natsOf } from './nats-of.js';
import { usage } from './usage.js';

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

interface Command {
  readonly name: 'list' | 'replay' | 'remove';
  readonly service: string;
  readonly servers: string;
  readonly jetStreamPrefix: string | undefined;
  readonly json: boolean;
  /** Those with these numbers, or all. */
  readonly wanted: ReadonlySet<number> | 'all';
}

/** Undefined: help is wanted. */
function commandOf(args: readonly string[]): Command | undefined {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      service: { type: 'string' },
      servers: { type: 'string' },
      'jetstream-prefix': { type: 'string' },
      json: { type: 'boolean' },
      all: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return undefined;
  const [name, ...numbers] = positionals;
  const { service = '', servers = process.env.NATS_URL ?? '', json = false, all = false } = values;
  if (name !== 'list' && name !== 'replay' && name !== 'remove') {
    throw new Error(name === undefined ? 'a command is missing' : `this is no command: ${name}`);
  }
  if (!NAME.test(service)) throw new Error('--service is missing, or is no name of a service');
  if (servers === '') throw new Error('--servers is missing, and NATS_URL as well');
  const wrong = numbers.find((one) => !/^[1-9]\d{0,15}$/.test(one));
  if (wrong !== undefined) throw new Error(`this is no number of a letter: ${wrong}`);
  if (name === 'list' && (all || numbers.length > 0)) throw new Error('list takes no numbers: it lists all');
  if (name !== 'list' && all === numbers.length > 0) throw new Error(`${name} takes numbers, or --all`);
  const wanted = numbers.length > 0 ? new Set(numbers.map(Number)) : 'all';
  return { name, service, servers, jetStreamPrefix: values['jetstream-prefix'], json, wanted };
}

async function run(command: Command, stop: AbortSignal): Promise<void> {
  const connection = await connect(natsOf(command.servers));
  try {
    await onLetters(connection, command, stop);
  } finally {
    await connection.close();
  }
}

async function onLetters(connection: NatsConnection, command: Command, stop: AbortSignal): Promise<void> {
  const letters = await Letters.open(connection, command.service, command.jetStreamPrefix);
  const done: Letter[] = [];
  const act = {
    list: () => Promise.resolve(),
    replay: (message: JsMsg) => letters.replay(message),
    remove: (message: JsMsg) => letters.remove(message),
  }[command.name];
  try {
    for await (const message of letters.all()) {
      if (stop.aborted) break;
      if (command.wanted !== 'all' && !command.wanted.has(message.seq)) continue;
      await act(message);
      done.push(readLetter(message));
    }
  } finally {
    say(command, done);
    await letters.close();
  }
  const missing = command.wanted === 'all' ? [] : [...command.wanted].filter((one) => !hasNumber(done, one));
  if (missing.length > 0 && !stop.aborted) throw new Error(`there is no letter ${missing.join(', ')}`);
}

const hasNumber = (letters: readonly Letter[], number: number) =>
  letters.some((one) => one.number === number);

function say({ name, json }: Command, letters: readonly Letter[]): void {
  if (json) return console.log(JSON.stringify(letters, null, 2));
  if (name !== 'list') return console.log(`${letters.length} ${name === 'replay' ? 'replayed' : 'removed'}`);
  for (const { number, diedAt, tries, sessionId, failure } of letters) {
    console.log(`${number}  ${diedAt}  ${tries} tries  ${sessionId ?? 'no session'}  ${failure}`);
  }
  if (letters.length === 0) console.log('there are no dead letters');
}

function stopOnSignals(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      process.exitCode = EXIT_CODES[signal];
      stop.abort();
    });
  }
  return stop.signal;
}

let command: Command | undefined;
try {
  command = commandOf(process.argv.slice(2));
} catch (error) {
  console.error(`${(error as Error).message}; --help tells the commands`);
  process.exit(2);
}
if (!command) console.log(usage);
else {
  await run(command, stopOnSignals()).catch((error: Error) => {
    console.error(`failed: ${error.message}`);
    process.exitCode ??= 1;
  });
}
