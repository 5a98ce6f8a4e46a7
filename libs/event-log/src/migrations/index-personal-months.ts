import type { MigrationInterface, QueryRunner } from 'typeorm';

/** So that what is due for erasure by its age is found among the keys of all months. */
export class IndexPersonalMonths1761955200017 implements MigrationInterface {
  readonly name = 'IndexPersonalMonths1761955200017';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE INDEX subject_key_month ON event_log.subject_key (month, stream_id) WHERE wrapped_key IS NOT NULL`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX event_log.subject_key_month');
  }
}
