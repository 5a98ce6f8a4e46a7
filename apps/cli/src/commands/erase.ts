import { Command } from 'commander';
import { Api, type ApiOptions, asksApi, inPath } from '../api.js';
import { CliError } from '../cli-error.js';
import { say, sayJson } from '../output.js';

interface Erased {
  readonly data: {
    readonly months: readonly string[];
    readonly position: number | null;
    readonly complete: boolean;
  };
}

export function eraseCommand(): Command {
  const erase = new Command('erase')
    .argument('<accountId>')
    .description('destroy the keys of what is personal of an account, for ever (scope accounts:erase)')
    .option('--yes', 'do it');
  return asksApi(erase).action(run);
}

async function run(accountId: string, options: ApiOptions & { yes?: boolean }): Promise<void> {
  if (!options.yes) {
    throw new CliError(
      `addresses, user agents, fingerprints and notes of ${JSON.stringify(accountId)} would be lost for ever, everywhere; its sessions go on. Nothing was changed; repeat it with --yes`,
    );
  }
  const answer = await new Api(options).delete<Erased>(`/api/accounts/${inPath(accountId)}/personal-data`);
  if (options.json) return sayJson(answer);
  const { months, complete } = answer.data;
  say(
    months.length === 0
      ? 'there was nothing to erase'
      : `erased: ${months.map((month) => month.slice(0, 7)).join(', ')}${complete ? '' : '; the read models follow as soon as the projector runs'}`,
  );
}
