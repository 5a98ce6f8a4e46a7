import {
  applyDecorators,
  type CallHandler,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  UseInterceptors,
} from '@nestjs/common';
import { ApiHeader, ApiOkResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { mergeMap, type Observable } from 'rxjs';
import type { KnownRequest } from '../access/access.guard.js';
import { EffectAnswers, MAX_WAIT_SECONDS } from './effect-answers.js';
import { APPLIED } from './open-api.js';

/** What a handler answers, and the position of the log that it is true from. */
export type Positioned<Output> = Output & { readonly position: number };

/** The answer names its position, and waits until that is in effect where it is asked to (RFC 7240). */
export const TellsEffect = () =>
  applyDecorators(
    UseInterceptors(EffectInterceptor),
    ApiHeader({
      name: 'Prefer',
      required: false,
      description: `wait=<seconds, ${MAX_WAIT_SECONDS} at most>: answers as soon as it is in effect everywhere, or says where it is not`,
      example: 'wait=2',
    }),
    ApiOkResponse({
      headers: {
        'Signoff-Position': {
          required: true,
          description: 'The position in the log that this is true from',
          schema: { type: 'integer', minimum: 0 },
        },
        'Preference-Applied': APPLIED,
      },
    }),
  );

@Injectable()
class EffectInterceptor implements NestInterceptor {
  constructor(private readonly effects: EffectAnswers) {}

  intercept(context: ExecutionContext, next: CallHandler<Positioned<object>>): Observable<object> {
    const http = context.switchToHttp();
    const [request, reply] = [http.getRequest<KnownRequest>(), http.getResponse<FastifyReply>()];
    return next.handle().pipe(
      mergeMap(async ({ position, ...output }) => {
        const { headers, principal } = request;
        reply.header('signoff-position', position);
        const answer = await this.effects.acknowledge(position, headers.prefer, principal);
        if (answer) reply.header('preference-applied', answer.applied);
        return { ...output, ...answer?.body };
      }),
    );
  }
}
