import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateEventLog1761955200000 implements MigrationInterface {
  readonly name = 'CreateEventLog1761955200000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE event_log.head (
        single            boolean PRIMARY KEY DEFAULT true CHECK (single),
        log_id            uuid NOT NULL,
        epoch             int NOT NULL,
        position          bigint NOT NULL,
        revocations       bigint NOT NULL,
        revocations_floor bigint NOT NULL,
        hash              bytea NOT NULL CHECK (length(hash) = 32),
        recorded_at       timestamptz NOT NULL
      ) WITH (fillfactor = 10);

      INSERT INTO event_log.head (log_id, epoch, position, revocations, revocations_floor, hash, recorded_at)
      VALUES (gen_random_uuid(), 1, 0, 0, 0, decode(repeat('00', 32), 'hex'), date_trunc('milliseconds', clock_timestamp()));

      CREATE TABLE event_log.stream (
        stream_id        text COLLATE "C" PRIMARY KEY,
        version          int NOT NULL,
        position         bigint NOT NULL,
        snapshot         bytea,
        snapshot_version int
      );

      CREATE TABLE event_log.event (
        position    bigint PRIMARY KEY,
        stream_id   text COLLATE "C" NOT NULL,
        version     int NOT NULL,
        event_id    uuid NOT NULL UNIQUE,
        type        text NOT NULL,
        schema      int NOT NULL,
        data        text NOT NULL,
        sealed      bytea,
        metadata    text NOT NULL,
        recorded_at timestamptz NOT NULL,
        revocation  bigint UNIQUE,
        hash        bytea NOT NULL CHECK (length(hash) = 32),
        UNIQUE (stream_id, version)
      );

      CREATE TABLE event_log.command (
        principal    text NOT NULL,
        operation    text NOT NULL,
        key          text NOT NULL,
        stream_id    text COLLATE "C" NOT NULL,
        request_hash bytea NOT NULL,
        outcome      jsonb NOT NULL,
        position     bigint,
        recorded_at  timestamptz NOT NULL,
        PRIMARY KEY (principal, operation, key)
      );
      CREATE INDEX command_recorded_at ON event_log.command (recorded_at);

      CREATE TABLE event_log.subject_key (
        key_id        uuid PRIMARY KEY,
        stream_id     text COLLATE "C" NOT NULL,
        month         date NOT NULL,
        wrapped_key   bytea,
        master_key_id text NOT NULL
      );
      CREATE UNIQUE INDEX subject_key_in_use ON event_log.subject_key (stream_id, month) WHERE wrapped_key IS NOT NULL;

      CREATE FUNCTION event_log.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION 'the event log is append-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
      END $$;

      CREATE TRIGGER event_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event_log.event
        FOR EACH STATEMENT EXECUTE FUNCTION event_log.refuse_change();
    `);
  }

  async down(): Promise<void> {
    throw new Error('the event log is never taken back');
  }
}
