import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateAuditEntry1761955200015 implements MigrationInterface {
  readonly name = 'CreateAuditEntry1761955200015';

  /** Each index has the position behind what it finds, so that a page of the newest is read from its end. */
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE read_model.audit_entry (
        position       bigint PRIMARY KEY,
        recorded_at    timestamptz NOT NULL,
        type           text COLLATE "C" NOT NULL,
        account_id     text COLLATE "C",
        session_id     text COLLATE "C",
        actor_type     text COLLATE "C",
        actor_id       text COLLATE "C",
        credential     text COLLATE "C",
        reason         text COLLATE "C",
        ip_address     text COLLATE "C",
        subject_key_id uuid
      );
      CREATE INDEX audit_entry_recorded ON read_model.audit_entry (recorded_at, position);
      CREATE INDEX audit_entry_of_type ON read_model.audit_entry (type, position);
      CREATE INDEX audit_entry_of_account ON read_model.audit_entry (account_id, position)
        WHERE account_id IS NOT NULL;
      CREATE INDEX audit_entry_of_session ON read_model.audit_entry (session_id, position)
        WHERE session_id IS NOT NULL;
      CREATE INDEX audit_entry_of_actor ON read_model.audit_entry (actor_id, position) WHERE actor_id IS NOT NULL;
      CREATE INDEX audit_entry_of_reason ON read_model.audit_entry (reason, position) WHERE reason IS NOT NULL;
      CREATE INDEX audit_entry_of_address ON read_model.audit_entry (ip_address, position)
        WHERE ip_address IS NOT NULL;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE read_model.audit_entry');
  }
}
