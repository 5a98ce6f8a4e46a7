import type { Pool } from 'pg';

/** One start of one process that follows revocations. */
export interface SubscriberId {
  readonly service: string;
  readonly instance: string;
  readonly bootId: string;
}

export const nameOf = ({ service, instance, bootId }: SubscriberId) => `${service}.${instance}.${bootId}`;

export interface Subscriber extends SubscriberId {
  /** Milliseconds after which it counts itself stale, from its last question about the head on. */
  readonly maxStaleness: number;
  readonly policy: 'refuse' | 'allow';
}

const columns = (subscribers: readonly SubscriberId[]) => [
  subscribers.map(({ service }) => service),
  subscribers.map(({ instance }) => instance),
  subscribers.map(({ bootId }) => bootId),
];

const LEASED = `
  SELECT asked.number::int FROM effect.subscriber
  JOIN unnest($1::text[], $2::text[], $3::text[], $4::float8[]) WITH ORDINALITY
    AS asked (service, instance, boot_id, staleness, number) USING (service, instance, boot_id)
  WHERE leased_until >= clock_timestamp() + staleness * interval '1 millisecond'`;

/** A third longer than need be, so that not every question has to write. */
const LEASE = `
  INSERT INTO effect.subscriber (service, instance, boot_id, policy, leased_until)
  SELECT service, instance, boot_id, policy, clock_timestamp() + staleness * interval '1 millisecond' * 4 / 3
  FROM unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::text[])
    AS asked (service, instance, boot_id, staleness, policy)
  ORDER BY service, instance, boot_id
  ON CONFLICT (service, instance, boot_id) DO UPDATE SET leased_until = excluded.leased_until`;

/**
 * To be called before the head is read that they are answered with. Whoever takes itself for ready by that head is then
 * registered: a revocation that the head does not count yet finds it among those that have to be waited for. And who has
 * not asked until its lease ends is stale by its own clock, and refuses everything until it has asked again.
 */
export async function lease(pool: Pool, subscribers: readonly Subscriber[]): Promise<void> {
  if (subscribers.length === 0) return;
  const { rows } = await pool.query<{ number: number }>({
    name: 'leased-subscribers',
    text: LEASED,
    values: [...columns(subscribers), subscribers.map(({ maxStaleness }) => maxStaleness)],
  });
  const leased = new Set(rows.map(({ number }) => number - 1));
  const due = subscribers.filter((_, i) => !leased.has(i));
  if (due.length === 0) return;
  const [staleness, policies] = [due.map((one) => one.maxStaleness), due.map((one) => one.policy)];
  await pool.query(LEASE, [...columns(due), staleness, policies]);
}

export async function signOff(pool: Pool, { service, instance, bootId }: SubscriberId): Promise<void> {
  await pool.query('DELETE FROM effect.subscriber WHERE (service, instance, boot_id) = ($1, $2, $3)', [
    service,
    instance,
    bootId,
  ]);
}

/** Who is registered and may accept a session: all but those whose lease has ended, and who refuse without one. */
export async function readAccepting(pool: Pool): Promise<SubscriberId[]> {
  const { rows } = await pool.query<SubscriberId>({
    name: 'accepting-subscribers',
    text: `SELECT service, instance, boot_id AS "bootId" FROM effect.subscriber
      WHERE policy = 'allow' OR leased_until >= clock_timestamp()`,
  });
  return rows;
}

/** Those that have not been heard of for ten minutes after their lease: they will not come back. */
export const FORGET_SUBSCRIBERS = `DELETE FROM effect.subscriber WHERE leased_until < now() - interval '10 minutes'`;
