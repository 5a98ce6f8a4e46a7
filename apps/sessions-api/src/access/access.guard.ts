import type { Scope } from '#domain/api-key/scopes.js';
import {
  applyDecorators,
  Injectable,
  SetMetadata,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ApiBearerAuth } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { AnswersProblems } from '../http/open-api.js';
import { AccessError } from './access-error.js';
import { Authenticator } from './authenticator.js';
import type { Principal } from './principal.js';

export const ACCESS = 'signoff:access';

export interface Access {
  readonly who: 'account' | 'service';
  readonly scope: Scope;
  /** What is asked for is decided on whether the session of the credential lives: see `Decision.checksWhoActs`. */
  readonly provesItself?: boolean;
}

/** Only an account's own credential (session or account key) with this scope. */
export const ForAccount = (scope: Scope, more: Pick<Access, 'provesItself'> = {}) =>
  access({ who: 'account', scope, ...more });

/** Only a service key with this scope. */
export const ForService = (scope: Scope) => access({ who: 'service', scope });

const access = (required: Access) =>
  applyDecorators(SetMetadata(ACCESS, required), UseGuards(AccessGuard), ApiBearerAuth(), AnswersProblems());

export interface KnownRequest<Asking extends Principal = Principal> extends FastifyRequest {
  principal: Asking;
}

@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const access = this.reflector.get<Access>(ACCESS, context.getHandler());
    const request = context.switchToHttp().getRequest<KnownRequest>();
    request.principal = await this.authenticator.authenticate(
      request.headers.authorization,
      access.provesItself,
    );
    authorize(request.principal, access);
    return true;
  }
}

/** Throws an `AccessError` unless it is what is required. */
export function authorize(principal: Principal, { who, scope }: Access): void {
  if (who === 'account' && principal.kind === 'service-key') {
    throw new AccessError('ACCOUNT_CREDENTIAL_REQUIRED', 'this is answered to an account itself only');
  }
  if (who === 'service' && principal.kind !== 'service-key') {
    throw new AccessError('SERVICE_KEY_REQUIRED', 'this is answered to services only');
  }
  if (!principal.scopes.includes(scope)) {
    throw new AccessError('SCOPE_MISSING', `the credential lacks the scope ${scope}`, scope);
  }
}
