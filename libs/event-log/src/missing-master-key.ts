import type { Pool } from 'pg';
import type { MasterKey } from './master-key.js';

export class MasterKeyMissing extends Error {
  override readonly name = 'MasterKeyMissing';
}

/** Throws `MasterKeyMissing` when keys are wrapped by a master key that is not here: what they seal could not be opened. */
export async function refuseMissingMasterKey(pool: Pool, masterKey: MasterKey): Promise<void> {
  const { rows } = await pool.query<{ id: string | null }>(
    `WITH RECURSIVE used AS (
       SELECT min(master_key_id) AS id FROM event_log.subject_key WHERE wrapped_key IS NOT NULL
       UNION ALL
       SELECT (SELECT min(master_key_id) FROM event_log.subject_key
               WHERE wrapped_key IS NOT NULL AND master_key_id > used.id)
       FROM used WHERE used.id IS NOT NULL)
     SELECT id FROM used WHERE id <> ALL ($1)
     UNION
     SELECT master_key_id FROM event_log.checkpoint_key WHERE wrapped_key IS NOT NULL AND master_key_id <> ALL ($1)`,
    [masterKey.ids],
  );
  if (rows.length > 0) {
    throw new MasterKeyMissing(
      `there are keys that are wrapped by the master key ${rows.map(({ id }) => id).join(', ')}, which is not among those given ` +
        `here (${masterKey.ids.join(', ')}): put it into PREVIOUS_MASTER_KEYS, and finish its rotation with keys:rotate -- master`,
    );
  }
}
