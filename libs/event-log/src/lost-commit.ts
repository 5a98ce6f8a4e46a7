import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { lockHead } from './group-sql.js';
import { LogError } from './log-error.js';
import type { GroupPlan } from './plan-group.js';

const RESOLVE_WITHIN_MS = 10_000;
const RETRY_AFTER_MS = 200;

/**
 * Whether a group whose COMMIT was never answered is in the log. The old transaction holds the head's lock until it has
 * ended, so what is read under that lock, on a new connection, is final. Never writes, and never repeats the group.
 */
export async function wasCommitted(plan: GroupPlan, connect: () => Promise<Client>): Promise<boolean> {
  const deadline = Date.now() + RESOLVE_WITHIN_MS;
  for (;;) {
    try {
      const client = await connect();
      try {
        return await lookUnderLock(client, plan);
      } finally {
        await client.end().catch(() => undefined);
      }
    } catch (error) {
      if (Date.now() > deadline) {
        throw new LogError('LOG_OUTCOME_UNKNOWN', 'the answer to COMMIT was lost', { cause: error });
      }
      await sleep(RETRY_AFTER_MS);
    }
  }
}

async function lookUnderLock(client: Client, { events, commands }: GroupPlan): Promise<boolean> {
  await client.query('BEGIN');
  await client.query(lockHead);
  const [event] = events;
  const [command] = commands;
  const found = event
    ? await client.query('SELECT FROM event_log.event WHERE event_id = $1', [event.eventId])
    : await client.query(
        'SELECT FROM event_log.command WHERE (principal, operation, key) = ($1, $2, $3) AND request_hash = $4',
        [command?.principal, command?.operation, command?.key, command?.requestHash],
      );
  await client.query('ROLLBACK');
  return found.rowCount === 1;
}
