import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Of the keys, one at most can sign; the others are known by their public half. */
export class CreateCheckpoint1761955200016 implements MigrationInterface {
  readonly name = 'CreateCheckpoint1761955200016';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE event_log.checkpoint_key (
        key_id        text PRIMARY KEY,
        public_key    bytea NOT NULL CHECK (length(public_key) = 32),
        wrapped_key   bytea,
        master_key_id text NOT NULL,
        created_at    timestamptz NOT NULL DEFAULT clock_timestamp()
      );
      CREATE UNIQUE INDEX checkpoint_key_in_use ON event_log.checkpoint_key ((true)) WHERE wrapped_key IS NOT NULL;

      CREATE TABLE event_log.checkpoint (
        number   bigint PRIMARY KEY,
        epoch    int NOT NULL,
        position bigint NOT NULL,
        note     text NOT NULL,
        made_at  timestamptz NOT NULL
      );
      CREATE INDEX checkpoint_position ON event_log.checkpoint (position, number);

      CREATE TRIGGER checkpoint_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event_log.checkpoint
        FOR EACH STATEMENT EXECUTE FUNCTION event_log.refuse_change();
    `);
  }

  async down(): Promise<void> {
    throw new Error('checkpoints are never taken back');
  }
}
