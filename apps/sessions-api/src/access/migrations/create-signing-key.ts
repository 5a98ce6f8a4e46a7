import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateSigningKey1761955200002 implements MigrationInterface {
  readonly name = 'CreateSigningKey1761955200002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE access.signing_key (
        kid           text PRIMARY KEY,
        public_jwk    jsonb NOT NULL,
        wrapped_key   bytea NOT NULL,
        master_key_id text NOT NULL,
        created_at    timestamptz NOT NULL DEFAULT clock_timestamp()
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE access.signing_key');
  }
}
