import type { Command } from 'commander';
import type { Query } from './api.js';

export interface TrailOptions {
  readonly account?: string;
  readonly session?: string;
  readonly type?: string;
  readonly actor?: string;
  readonly reason?: string;
  readonly ipAddress?: string;
  readonly from?: string;
  readonly to?: string;
}

/** What of the trail is asked for. */
export const filters = (command: Command): Command =>
  command
    .option('--account <id>', 'of this account')
    .option('--session <token>', 'of this session')
    .option('--type <type>', 'of this type, such as SessionRevoked')
    .option('--actor <id>', 'done by this one')
    .option('--reason <reason>', 'ended for this reason')
    .option('--ip-address <address>', 'from this address')
    .option('--from <time>', 'recorded then or later (ISO 8601)')
    .option('--to <time>', 'recorded before (ISO 8601)');

export const queryOf = ({
  account,
  session,
  type,
  actor,
  reason,
  ipAddress,
  from,
  to,
}: TrailOptions): Query => ({
  accountId: account,
  session,
  type,
  actor,
  reason,
  ipAddress,
  from,
  to,
});
