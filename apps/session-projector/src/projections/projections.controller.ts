import { Catch, Controller, UseFilters, type RpcExceptionFilter } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import { throwError, type Observable } from 'rxjs';
import { AUDIT_PROJECTION, SESSIONS_PROJECTION } from '#read-model/entities/checkpoint.entity.js';
import type { EventBatch } from '../projection.js';
import { AuditProjection } from './audit.js';
import { SessionsProjection } from './sessions.js';

/** Nest would hide from the transport what went wrong. */
@Catch()
class AsTheyAre implements RpcExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}

@Controller()
@UseFilters(AsTheyAre)
export class ProjectionsController {
  constructor(
    private readonly sessions: SessionsProjection,
    private readonly audit: AuditProjection,
  ) {}

  @EventPattern(SESSIONS_PROJECTION)
  applyToSessions(batch: EventBatch) {
    return this.sessions.apply(batch);
  }

  @EventPattern(AUDIT_PROJECTION)
  applyToAudit(batch: EventBatch) {
    return this.audit.apply(batch);
  }
}
