import { createWriteStream } from 'node:fs';
import { truncate } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Command, Option } from 'commander';
import { Api, type ApiOptions, asksApi, type Query } from '../api.js';
import { CliError } from '../cli-error.js';
import { ExportLines } from '../export-lines.js';
import { findEnd } from '../part-of-export.js';
import { wholeNumber } from '../numbers.js';
import { remark, sayJson } from '../output.js';
import { filters, queryOf, type TrailOptions } from '../trail-filter.js';

interface ExportOptions extends ApiOptions, TrailOptions {
  readonly format: 'ndjson' | 'csv';
  readonly output?: string;
  readonly resume?: boolean;
  readonly after?: number;
}

export function exportCommand(): Command {
  const command = new Command('export')
    .description(
      'the trail, or what is asked for of it, as lines of JSON, for verify and for others (scope audit:read)',
    )
    .addOption(
      new Option('--format <format>', 'csv: a table, for people')
        .choices(['ndjson', 'csv'])
        .default('ndjson'),
    )
    .option('-o, --output <file>', 'write to this file, which must not exist, instead of standard output')
    .option('--after <position>', 'only what stands behind this position of the log', wholeNumber)
    .option('--resume', 'go on behind the last whole line of the file, with what was asked for then');
  return asksApi(filters(command)).action(run);
}

async function run(options: ExportOptions): Promise<void> {
  const { format, output, resume, json, after } = options;
  if (resume && output === undefined) throw new CliError('--resume needs --output: the file to go on with');
  if (resume && format === 'csv')
    throw new CliError('--resume needs lines of JSON: a table does not say what was asked for');
  if (resume && after !== undefined)
    throw new CliError('--resume goes on from where the file ends, without --after');
  const filter = queryOf(options);
  if (resume && Object.values(filter).some((value) => value !== undefined))
    throw new CliError('--resume goes on with what was asked for at first: give nothing of it again');
  if (format === 'csv') return asTable(options, { ...filter, after, format });
  const part = resume ? await findEnd(output!) : undefined;
  if (part?.isComplete) return told(part.events, output, json);
  const query = part
    ? { ...(part.header.filter as Query | null), after: part.position }
    : { ...filter, after };
  const answer = await new Api(options).send('GET', '/api/audit/export', { query });
  if (part) await truncate(output!, part.bytes);
  const lines = new ExportLines(part);
  const goOn = output === undefined ? '' : '; --resume goes on with it';
  await copy(lines.of(answer.body as AsyncIterable<Uint8Array>), output, part ? 'a' : 'wx', goOn);
  if (!lines.isComplete) throw new CliError(`the export was cut off behind ${lines.events} events${goOn}`);
  told(lines.events, output, json);
}

/** It has no line that says where it ends: the connection does. */
async function asTable(options: ExportOptions, query: Query): Promise<void> {
  const { output, json } = options;
  const { body } = await new Api(options).send('GET', '/api/audit/export', { query });
  await copy(untilItEnds(body as AsyncIterable<Uint8Array>), output, 'wx');
  if (output === undefined) return;
  if (json) sayJson({ data: { output } });
  else remark(`the table is in ${output}`);
}

async function* untilItEnds(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } catch (cause) {
    throw new CliError('the export was cut off: begin it anew, or go on with --after its last whole row', {
      cause,
    });
  }
}

async function copy(
  source: AsyncIterable<string | Uint8Array>,
  output: string | undefined,
  flags: 'a' | 'wx',
  goOn = '',
): Promise<void> {
  const target: Writable =
    output === undefined ? process.stdout : createWriteStream(output, { flags, mode: 0o600 });
  try {
    await pipeline(source, target, { end: output !== undefined });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new CliError(`${output} exists already${goOn}`, { cause: error });
  }
}

function told(events: number, output: string | undefined, json: boolean | undefined): void {
  if (output === undefined) return;
  if (json) sayJson({ data: { events, output } });
  else remark(`${events} events are in ${output}`);
}
