import type { MigrationInterface, QueryRunner } from 'typeorm';

export class DropPersonalColumns1761955200018 implements MigrationInterface {
  readonly name = 'DropPersonalColumns1761955200018';

  /** A table made anew, so that nothing of what was personal stays in the files of the one before. */
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE read_model.session RENAME TO session_before;
      CREATE TABLE read_model.session (
        session_id      text COLLATE "C" NOT NULL,
        account_id      text COLLATE "C" NOT NULL,
        issued_position bigint NOT NULL,
        issued_at       timestamptz NOT NULL,
        expires_at      timestamptz NOT NULL
      ) WITH (fillfactor = 90);
      INSERT INTO read_model.session
        SELECT session_id, account_id, issued_position, issued_at, expires_at FROM read_model.session_before;
      DROP TABLE read_model.session_before;
      ALTER TABLE read_model.session ADD PRIMARY KEY (session_id);
      CREATE INDEX session_of_account ON read_model.session (account_id, expires_at);
    `);
  }

  /** Empties the table, which is then filled from the log. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      TRUNCATE read_model.session;
      DELETE FROM read_model.checkpoint WHERE projection = 'sessions';
      ALTER TABLE read_model.session
        ADD COLUMN subject_key_id uuid, ADD COLUMN ip_address text, ADD COLUMN user_agent text,
        ADD COLUMN fingerprint text, ADD COLUMN browser text, ADD COLUMN os text, ADD COLUMN device text;
    `);
  }
}
