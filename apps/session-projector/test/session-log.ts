import { randomBytes, randomUUID } from 'node:crypto';
import { sessionIdFrom } from '#domain/identifier.js';
import { accountStreamId } from '#event-log/account-stream.js';
import { createPool } from '#event-log/connection.js';
import type { NewEvent } from '#event-log/event.js';
import { MasterKey } from '#event-log/master-key.js';
import { readForward, readHead } from '#event-log/read.js';
import { sealedUnder, type PersonalData } from '#event-log/sealing.js';
import { Vault } from '#event-log/vault.js';
import { LogWriter } from '#event-log/writer.js';
import { describeUserAgent } from '#read-model/user-agent.js';
import type { Pool } from 'pg';

const PHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1';
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

  static async open(databaseUrl: string, masterKey: string, committed: () => void): Promise<SessionLog> {
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
  async record(streamId: string, event: Partial<NewEvent> & { type: string }): Promise<number> {
    const events = [{ eventId: randomUUID(), schema: 1, data: '{}', sealed: null, metadata: '{}', ...event }];
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
      events: [{ ...event, schema: 1, data, sealed: box, metadata: '{}' }],
      ...(sealed && isNew && { subjectKey: key }),
    });
    return { account, sessionId };
  }

  extend({ account, sessionId }: SessionAt): Promise<number> {
    const expiresAt = new Date(Date.parse(EXPIRES_AT) + ++this.extensions * 1_000).toISOString();
    const data = JSON.stringify({ sessionId, expiresAt });
    return this.record(accountStreamId(account), { type: 'SessionExtended', data });
  }

  revoke({ account, sessionId }: SessionAt): Promise<number> {
    const data = JSON.stringify({ sessionId, reason: 'user', credentialsExpireAt: EXPIRES_AT });
    return this.record(accountStreamId(account), { type: 'SessionRevoked', data });
  }

  /** Some hundred events of 8 accounts, in flight together: sessions that stay, are extended, end, and keys. */
  async history(): Promise<void> {
    const account = async (name: string) => {
      for (let round = 0; round < 6; round++) {
        const sessions = [];
        for (let i = 0; i < 4; i++) sessions.push(await this.issue(name, i === 3 ? null : personal));
        const [first, second, third] = sessions as [SessionAt, SessionAt, SessionAt];
        await Promise.all([this.extend(first), this.revoke(second), this.extend(third)]);
        await Promise.all([
          this.revoke(third),
          this.record(`key-${randomUUID()}`, { type: 'ApiKeyRevoked' }),
        ]);
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
      const [opened] = await this.vault.open([event]);
      const { browser, os, device } = describeUserAgent(opened?.userAgent ?? null);
      sessions.set(data.sessionId!, {
        session_id: data.sessionId,
        account_id: event.streamId.slice('account-'.length),
        issued_position: event.position,
        issued_at: new Date(data.issuedAt!),
        expires_at: new Date(data.expiresAt!),
        subject_key_id: event.sealed && sealedUnder(event.sealed),
        ip_address: opened?.ipAddress ?? null,
        user_agent: opened?.userAgent?.replaceAll('\0', '\ufffd') ?? null,
        fingerprint: opened?.fingerprint ?? null,
        browser,
        os,
        device,
      });
    }
    return [...sessions.values()];
  }

  /** What the read model holds, as soon as it has come as far as the log was when this was asked. */
  async projected(): Promise<{ rows: unknown[]; hash: Buffer; epoch: number }> {
    const { position } = await readHead(this.pool);
    for (;;) {
      const { rows } = await this.pool.query<{ position: number; epoch: number; hash: Buffer }>(
        'SELECT position, epoch, hash FROM read_model.checkpoint',
      );
      if (rows[0] && rows[0].position >= position) return { ...rows[0], rows: await this.rows() };
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async rows(): Promise<unknown[]> {
    const { rows } = await this.pool.query('SELECT * FROM read_model.session ORDER BY issued_position');
    return rows;
  }
}
