import { randomBytes, randomUUID } from 'node:crypto';
import { sessionIdFrom } from '#domain/identifier.js';
import { accountStreamId } from '#event-log/account-stream.js';
import { createPool } from '#event-log/connection.js';
import type { NewEvent } from '#event-log/event.js';
import { MasterKey } from '#event-log/master-key.js';
import { readForward, readHead } from '#event-log/read.js';
import { livingKeys } from '#event-log/subject-keys.js';
import { sealedUnder, type PersonalData } from '#event-log/sealing.js';
import { Vault } from '#event-log/vault.js';
import { LogWriter, type WriterHooks } from '#event-log/writer.js';
import type { Pool } from 'pg';

const PHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1';
const BY_SERVICE = JSON.stringify({ actor: { type: 'service', id: 'key_1' }, credential: 'key_1' });
const ISSUED_AT = '2026-11-24T08:00:00.000Z';
const EXPIRES_AT = '2026-12-24T08:00:00.000Z';

export const personal: PersonalData = { ipAddress: '203.0.113.9', userAgent: PHONE, fingerprint: 'f1' };

interface SessionAt {
  readonly account: string;
  readonly sessionId: string;
}

/** Records sessions as the API does, and says what the read model has to hold then. */
export class SessionLog {
  private extensions = 0;

  private constructor(
    private readonly pool: Pool,
    private readonly writer: LogWriter,
    private readonly vault: Vault,
  ) {}

  static async open(
    databaseUrl: string,
    masterKey: string,
    committed: WriterHooks['committed'],
  ): Promise<SessionLog> {
    const pool = createPool(databaseUrl);
    const { logId } = await readHead(pool);
    const vault = new Vault(pool, new MasterKey(Buffer.from(masterKey, 'base64')), logId);
    return new SessionLog(pool, new LogWriter(databaseUrl, { committed }), vault);
  }

  async close(): Promise<void> {
    await this.writer.close();
    await this.pool.end();
  }

  /** In any stream, whatever it is: for events that the API would not record. Answers its position. */
  record(streamId: string, event: Partial<NewEvent> & { type: string }): Promise<number> {
    return this.recordAll(streamId, [event]);
  }

  /** In one append; answers the first one's position. */
  private async recordAll(
    streamId: string,
    recorded: readonly (Partial<NewEvent> & { type: string })[],
  ): Promise<number> {
    const rest = { schema: 1, data: '{}', sealed: null, metadata: '{}' };
    const events = recorded.map((event) => ({ eventId: randomUUID(), ...rest, ...event }));
    const outcome = await this.writer.append({ streamId, expectedVersion: null, events });
    if (outcome.kind !== 'appended') throw new Error(`the append came to a ${outcome.kind}`);
    return outcome.events[0]!.position;
  }

  async issue(account: string, sealed: PersonalData | null = personal): Promise<SessionAt> {
    const sessionId = sessionIdFrom(randomBytes(16));
    const streamId = accountStreamId(account);
    const event = { eventId: randomUUID(), type: 'SessionIssued' };
    const { key, isNew } = await this.vault.keyFor(streamId, ISSUED_AT);
    const data = JSON.stringify({ sessionId, issuedAt: ISSUED_AT, expiresAt: EXPIRES_AT });
    const box = sealed && this.vault.seal(sealed, key, { ...event, streamId });
    await this.writer.append({
      streamId,
      expectedVersion: null,
      events: [{ ...event, schema: 1, data, sealed: box, metadata: BY_SERVICE }],
      ...(sealed && isNew && { subjectKey: key }),
    });
    return { account, sessionId };
  }

  extend({ account, sessionId }: SessionAt, times = 1): Promise<number> {
    const extension = () => {
      const expiresAt = new Date(Date.parse(EXPIRES_AT) + ++this.extensions * 1_000).toISOString();
      const data = JSON.stringify({ sessionId, expiresAt });
      return { type: 'SessionExtended', data, metadata: BY_SERVICE };
    };
    return this.recordAll(accountStreamId(account), Array.from({ length: times }, extension));
  }

  revoke({ account, sessionId }: SessionAt): Promise<number> {
    const data = JSON.stringify({ sessionId, reason: 'user', credentialsExpireAt: EXPIRES_AT });
    const metadata = JSON.stringify({ actor: { type: 'account', id: account }, credential: sessionId });
    return this.record(accountStreamId(account), { type: 'SessionRevoked', data, metadata });
  }

  /** What is personal of the account so far: its keys are destroyed. */
  async erase(account: string): Promise<number> {
    const streamId = accountStreamId(account);
    const keys = await livingKeys(this.pool, streamId);
    const data = JSON.stringify({ months: keys.map(({ month }) => month) });
    const event = { eventId: randomUUID(), type: 'PersonalDataErased', schema: 1, data, sealed: null };
    const outcome = await this.writer.append({
      streamId,
      expectedVersion: null,
      events: [{ ...event, metadata: BY_SERVICE }],
      destroyedKeys: keys.map(({ keyId }) => keyId),
    });
    if (outcome.kind !== 'appended') throw new Error(`the append came to a ${outcome.kind}`);
    return outcome.events[0]!.position;
  }

  /** A key that is created, for an account or none, and revoked. */
  async keyOf(accountId: string | null): Promise<void> {
    const streamId = `key-${randomUUID()}`;
    const data = JSON.stringify({ keyId: streamId, accountId });
    await this.record(streamId, { type: 'ApiKeyCreated', data, metadata: BY_SERVICE });
    await this.record(streamId, { type: 'ApiKeyRevoked', data: JSON.stringify({ keyId: streamId }) });
  }

  /** Some hundred events of 8 accounts, in flight together: sessions that stay, are extended, end, are erased, and keys. */
  async history(): Promise<void> {
    const account = async (name: string) => {
      for (let round = 0; round < 6; round++) {
        const sessions = [];
        for (let i = 0; i < 4; i++) sessions.push(await this.issue(name, i === 3 ? null : personal));
        const [first, second, third] = sessions as [SessionAt, SessionAt, SessionAt];
        await Promise.all([this.extend(first), this.revoke(second), this.extend(third)]);
        await Promise.all([this.revoke(third), this.keyOf(round % 2 === 0 ? name : null)]);
        if (round === 3) await this.erase(name);
      }
    };
    await Promise.all(Array.from({ length: 8 }, () => account(`account ${randomUUID()}`)));
  }

  head() {
    return readHead(this.pool);
  }

  /** The rows that the log up to a position comes to, by a fold that knows nothing of batches. */
  async folded(last = 1_000_000): Promise<unknown[]> {
    const sessions = new Map<string, Record<string, unknown>>();
    for (const event of await readForward(this.pool, 0, last)) {
      const data = JSON.parse(event.data) as Record<string, string>;
      const session = sessions.get(data.sessionId!);
      if (event.type === 'SessionRevoked') sessions.delete(data.sessionId!);
      if (event.type === 'SessionExtended' && session) session.expires_at = new Date(data.expiresAt!);
      if (event.type !== 'SessionIssued') continue;
      sessions.set(data.sessionId!, {
        session_id: data.sessionId,
        account_id: event.streamId.slice('account-'.length),
        issued_position: event.position,
        issued_at: new Date(data.issuedAt!),
        expires_at: new Date(data.expiresAt!),
      });
    }
    return [...sessions.values()];
  }

  /** The audit trail's rows that the log up to a position comes to, one event after the other. */
  async auditFolded(last = 1_000_000): Promise<unknown[]> {
    const accounts = new Map<string, string | null>();
    const rows = [];
    for (const event of await readForward(this.pool, 0, last)) {
      const { streamId } = event;
      const [data, metadata] = [JSON.parse(event.data), JSON.parse(event.metadata)] as Record<string, any>[];
      if (event.type === 'ApiKeyCreated') accounts.set(streamId, data!.accountId);
      const [opened] = await this.vault.open([event]);
      const address = opened?.ipAddress ?? null;
      rows.push({
        position: event.position,
        recorded_at: new Date(event.recordedAt),
        type: event.type,
        account_id: streamId.startsWith('account-')
          ? streamId.slice('account-'.length)
          : (accounts.get(streamId) ?? null),
        session_id: data!.sessionId ?? null,
        actor_type: metadata!.actor?.type ?? null,
        actor_id: metadata!.actor?.id ?? null,
        credential: metadata!.credential ?? null,
        reason: data!.reason ?? null,
        ip_address: address,
        subject_key_id: address && sealedUnder(event.sealed!),
      });
    }
    return rows;
  }

  /** What lists are read from, as soon as it has come as far as the log was when this was asked. */
  async projected(): Promise<{ rows: unknown[]; hash: Buffer; epoch: number }> {
    return { ...(await this.reached('sessions')), rows: await this.rows() };
  }

  /** The same of what the audit trail is searched in. */
  async auditProjected(): Promise<{ rows: unknown[]; hash: Buffer; epoch: number }> {
    return { ...(await this.reached('audit')), rows: await this.auditRows() };
  }

  private async reached(projection: string): Promise<{ hash: Buffer; epoch: number }> {
    const { position } = await readHead(this.pool);
    for (;;) {
      const { rows } = await this.pool.query<{ position: number; epoch: number; hash: Buffer }>(
        'SELECT position, epoch, hash FROM read_model.checkpoint WHERE projection = $1',
        [projection],
      );
      if (rows[0] && rows[0].position >= position) return rows[0];
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async rows(): Promise<unknown[]> {
    const { rows } = await this.pool.query('SELECT * FROM read_model.session ORDER BY issued_position');
    return rows;
  }

  async auditRows(): Promise<unknown[]> {
    const { rows } = await this.pool.query('SELECT * FROM read_model.audit_entry ORDER BY position');
    return rows;
  }
}
