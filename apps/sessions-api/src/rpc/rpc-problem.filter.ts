import { type ArgumentsHost, Catch, type RpcExceptionFilter } from '@nestjs/common';
import type { NatsContext } from '@nestjs/microservices';
import { type Observable, throwError } from 'rxjs';
import { AccessError } from '../access/access-error.js';
import { credentialId } from '../access/principal.js';
import { internalError, problemOf } from '../http/problem-of.js';
import { Refusals } from '../http/refusals.js';
import { principalOf, requestIdOf } from './rpc-access.js';
import type { RpcError } from './rpc-question.js';

/** The codes of HTTP's problems, as `{"error":{"code","message","errors"?,"retryAfter"?}}`. */
@Catch()
export class RpcProblemFilter implements RpcExceptionFilter {
  constructor(private readonly refusals: Refusals) {}

  catch(error: unknown, host: ArgumentsHost): Observable<never> {
    const context = host.switchToRpc().getContext<NatsContext>();
    const { status, code, detail, errors, headers } = problemOf(error) ?? internalError;
    const principal = principalOf(context);
    const credential = error instanceof AccessError ? error.credential : undefined;
    this.refusals.tell(
      {
        status,
        code,
        requestId: requestIdOf(context),
        method: 'NATS',
        route: context.getSubject().split('.').at(-1),
        credential: credential ?? (principal && credentialId(principal)),
      },
      error,
    );
    const retryAfter = headers?.['retry-after'];
    return throwError((): RpcError['error'] => ({
      code,
      message: detail,
      ...(errors && { errors }),
      ...(retryAfter && { retryAfter: Number(retryAfter) }),
    }));
  }
}
