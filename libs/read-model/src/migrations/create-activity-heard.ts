import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateActivityHeard1761955200012 implements MigrationInterface {
  readonly name = 'CreateActivityHeard1761955200012';

  /** One row: `activity` has every use that was told from `since` to `at`, up to a sequence of a stream. */
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE read_model.activity_heard (
        single         boolean PRIMARY KEY DEFAULT true CHECK (single),
        since          timestamptz NOT NULL,
        at             timestamptz NOT NULL,
        stream_created text NOT NULL,
        sequence       bigint NOT NULL
      ) WITH (fillfactor = 50);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE read_model.activity_heard');
  }
}
