import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A key signs from a time on, until the next one does; a superseded one loses its private half, a removed one everything but its name. */
export class RotateSigningKey1761955200010 implements MigrationInterface {
  readonly name = 'RotateSigningKey1761955200010';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE access.signing_key
        ADD COLUMN signs_from timestamptz NOT NULL DEFAULT clock_timestamp(),
        ADD COLUMN removed_at timestamptz,
        ALTER COLUMN wrapped_key DROP NOT NULL;
      UPDATE access.signing_key SET signs_from = created_at;
    `);
  }

  async down(): Promise<void> {
    throw new Error('what was removed would be accepted again');
  }
}
