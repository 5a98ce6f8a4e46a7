import type { Pool } from 'pg';
import { FORGET_SUBSCRIBERS } from '../effect/subscribers.js';

const FLOOR_STEP = 10_000;

/**
 * Raises `revocations_floor` over the revocations whose credentials have all expired (with five minutes of grace): a
 * subscriber need not know them any more. It only grows.
 */
const RAISE_FLOOR = `
  WITH step AS (
    SELECT revocation, (data::json ->> 'credentialsExpireAt')::timestamptz + interval '5 minutes' > now() AS matters
    FROM event_log.event, event_log.head
    WHERE revocation > revocations_floor AND revocation <= revocations_floor + ${FLOOR_STEP}
  ), floor AS (
    SELECT coalesce(min(revocation) FILTER (WHERE matters) - 1, max(revocation)) AS revocation FROM step
  )
  UPDATE event_log.head SET revocations_floor = floor.revocation
  FROM floor WHERE floor.revocation > revocations_floor`;

const FORGET_OUTCOMES = `DELETE FROM event_log.command WHERE recorded_at < now() - interval '7 days'`;

/** What one process does for all, each minute. */
export async function keepHouse(pool: Pool): Promise<void> {
  while ((await pool.query(RAISE_FLOOR)).rowCount === 1);
  await pool.query(FORGET_OUTCOMES);
  await pool.query(FORGET_SUBSCRIBERS);
}
