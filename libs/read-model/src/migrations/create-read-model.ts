import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateReadModel1761955200001 implements MigrationInterface {
  readonly name = 'CreateReadModel1761955200001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE read_model.checkpoint (
        projection text PRIMARY KEY,
        log_id     uuid NOT NULL,
        epoch      int NOT NULL,
        position   bigint NOT NULL,
        hash       bytea NOT NULL
      );

      CREATE TABLE read_model.session (
        session_id      text COLLATE "C" PRIMARY KEY,
        account_id      text COLLATE "C" NOT NULL,
        issued_position bigint NOT NULL,
        issued_at       timestamptz NOT NULL,
        expires_at      timestamptz NOT NULL,
        subject_key_id  uuid,
        ip_address      text,
        user_agent      text,
        fingerprint     text,
        browser         text,
        os              text,
        device          text
      ) WITH (fillfactor = 90);
      CREATE INDEX session_of_account ON read_model.session (account_id, expires_at);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE read_model.session, read_model.checkpoint');
  }
}
