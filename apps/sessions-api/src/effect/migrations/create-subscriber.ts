import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The instances that follow revocations. A row is written before the instance is told of a head, and outlives its lease. */
export class CreateSubscriber1761955200014 implements MigrationInterface {
  readonly name = 'CreateSubscriber1761955200014';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE effect.subscriber (
        service      text NOT NULL,
        instance     text NOT NULL,
        boot_id      text NOT NULL,
        policy       text NOT NULL CHECK (policy IN ('refuse', 'allow')),
        leased_until timestamptz NOT NULL,
        PRIMARY KEY (service, instance, boot_id)
      ) WITH (fillfactor = 50);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE effect.subscriber');
  }
}
