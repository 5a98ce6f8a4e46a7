import { DomainError } from '#domain/domain-error.js';
import { accountStreamId } from '#event-log/account-stream.js';
import type { RecordedEvent } from '#event-log/event.js';
import { decodeEvent } from '#event-log/event-types.js';
import { readWholeStream } from '#event-log/read.js';
import { Vault } from '#event-log/vault.js';
import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { Pool } from 'pg';
import { accountOfSession } from './account-of-session.js';
import { auditEntries, type AuditEntry } from './audit-entry.js';

/** All that was recorded of one session, oldest first, whether it lives or not. */
export class SessionLife extends Query<readonly AuditEntry[]> {
  constructor(readonly sessionId: string) {
    super();
  }
}

@QueryHandler(SessionLife)
export class SessionLifeHandler implements IQueryHandler<SessionLife> {
  constructor(
    private readonly pool: Pool,
    private readonly vault: Vault,
  ) {}

  async execute({ sessionId }: SessionLife): Promise<readonly AuditEntry[]> {
    const accountId = await accountOfSession(this.pool, sessionId);
    if (accountId === undefined)
      throw new DomainError('SESSION_NOT_FOUND', 'no such session was ever issued');
    const life: RecordedEvent[] = [];
    for await (const events of readWholeStream(this.pool, accountStreamId(accountId))) {
      life.push(...events.filter((event) => decodeEvent(event).data.sessionId === sessionId));
    }
    return auditEntries(this.pool, this.vault, life);
  }
}
