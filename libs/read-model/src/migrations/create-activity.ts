import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateActivity1761955200003 implements MigrationInterface {
  readonly name = 'CreateActivity1761955200003';

  /** Not history: it is never in the log, and a rebuild keeps it. */
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE read_model.activity (
        session_id   text COLLATE "C" PRIMARY KEY,
        last_seen_at timestamptz NOT NULL
      ) WITH (fillfactor = 70);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE read_model.activity');
  }
}
