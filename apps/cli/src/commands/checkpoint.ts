import { Command } from 'commander';
import { Api, type ApiOptions, asksApi } from '../api.js';
import { wholeNumber } from '../numbers.js';
import { sayJson } from '../output.js';

const PATH = '/api/audit/checkpoints';
const LIMIT = 1_000;

interface Checkpoint {
  readonly number: number;
  readonly note: string;
}

export function checkpointCommand(): Command {
  const checkpoint = new Command('checkpoint').description(
    'what the log was, signed: to be kept elsewhere, for verify (scope audit:read)',
  );
  asksApi(checkpoint.command('make').description('sign what the log is now')).action(make);
  asksApi(checkpoint.command('latest').description('the newest')).action(latest);
  asksApi(
    checkpoint
      .command('list')
      .description('all, in the order in which they were made')
      .option('--after <number>', 'behind this one', wholeNumber, 0),
  ).action(list);
  asksApi(checkpoint.command('key').description('the keys that sign them, the present one first')).action(
    key,
  );
  return checkpoint;
}

/** As it is: to be appended to a file. */
const write = (text: string) => process.stdout.write(text);

async function make(options: ApiOptions): Promise<void> {
  const answer = await new Api(options).post<{ data: Checkpoint }>(PATH);
  if (options.json) sayJson(answer);
  else write(answer.data.note);
}

async function latest(options: ApiOptions): Promise<void> {
  const answer = await new Api(options).get<{ data: Checkpoint }>(`${PATH}/latest`);
  if (options.json) sayJson(answer);
  else write(answer.data.note);
}

async function list(options: ApiOptions & { after: number }): Promise<void> {
  const api = new Api(options);
  for (let after: number | null = options.after; after !== null;) {
    const page: { data: Checkpoint[]; next: number | null } = await api.get(PATH, { after, limit: LIMIT });
    for (const one of page.data) {
      if (options.json) sayJson(one);
      else write(one.note);
    }
    after = page.next;
  }
}

async function key(options: ApiOptions): Promise<void> {
  const answer = await new Api(options).send('GET', '/.well-known/signoff-checkpoint-key', {});
  const text = await answer.text();
  if (options.json) sayJson({ data: text.trimEnd().split('\n') });
  else write(text);
}
