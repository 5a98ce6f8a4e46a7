import type { MigrationInterface, QueryRunner } from 'typeorm';

/** So that each start can ask which master keys are still needed, however many keys there are. */
export class IndexMasterKeys1761955200011 implements MigrationInterface {
  readonly name = 'IndexMasterKeys1761955200011';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE INDEX subject_key_master_key ON event_log.subject_key (master_key_id) WHERE wrapped_key IS NOT NULL`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX event_log.subject_key_master_key');
  }
}
