import type { LookMoment } from '#event-log/stream-look.js';
import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { Authenticator } from '../access/authenticator.js';

/** RFC 7662. Whatever is not a live session's credential is inactive, and nothing more is said about it. */
export type Introspection =
  | { readonly active: false }
  | {
      readonly active: true;
      readonly sub: string;
      readonly sid: string;
      readonly iat: number;
      readonly exp: number;
      readonly iss: string;
      readonly token_type: 'Bearer';
    };

export class IntrospectSession extends Query<Introspection> {
  constructor(
    readonly credential: string,
    /** A look since it was asked, if there was one: nothing older is answered. */
    readonly since?: LookMoment,
  ) {
    super();
  }
}

@QueryHandler(IntrospectSession)
export class IntrospectSessionHandler implements IQueryHandler<IntrospectSession> {
  constructor(private readonly authenticator: Authenticator) {}

  async execute({ credential, since }: IntrospectSession): Promise<Introspection> {
    const claims = await this.authenticator.liveClaims(credential, since);
    if (!claims) return { active: false };
    const { sub, sid, iat, exp, iss } = claims;
    return { active: true, sub, sid, iat, exp, iss, token_type: 'Bearer' };
  }
}
