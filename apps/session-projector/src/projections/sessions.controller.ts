import { Catch, Controller, UseFilters, type RpcExceptionFilter } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import { throwError, type Observable } from 'rxjs';
import { ALL_EVENTS } from '#bus/subjects.js';
import type { EventBatch } from '../projection.js';
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
export class SessionsController {
  constructor(private readonly projection: SessionsProjection) {}

  @EventPattern(ALL_EVENTS)
  apply(batch: EventBatch) {
    return this.projection.apply(batch);
  }
}
