import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { LogError } from './log-error.js';
import type { GroupPlan } from './plan-group.js';

const RESOLVE_WITHIN_MS = 10_000;
const RETRY_AFTER_MS = 200;

/**
 * Whether a group that was never answered is in the log. An old transaction holds the head's lock until it has ended, so
 * that what is read under that lock, on a new connection, is final; a statement that is still on its way finds another
 * row of the head than it was sent behind, since that is written again, as it was. Never repeats the group.
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
        throw new LogError('LOG_OUTCOME_UNKNOWN', 'the answer to what was written is lost', { cause: error });
      }
      await sleep(RETRY_AFTER_MS);
    }
  }
}

async function lookUnderLock(client: Client, { events, commands }: GroupPlan): Promise<boolean> {
  await client.query('BEGIN');
  await client.query('UPDATE event_log.head SET position = position');
  const [event] = events;
  const [command] = commands;
  const found = event
    ? await client.query('SELECT FROM event_log.event WHERE event_id = $1', [event.eventId])
    : await client.query(
        'SELECT FROM event_log.command WHERE (principal, operation, key) = ($1, $2, $3) AND request_hash = $4',
        [command?.principal, command?.operation, command?.key, command?.requestHash],
      );
  await client.query('COMMIT');
  return found.rowCount === 1;
}
