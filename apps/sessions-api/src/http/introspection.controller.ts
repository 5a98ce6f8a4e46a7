import { Body, Controller, HttpCode, Post, Req } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import { ApiConsumes, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ForService, type KnownRequest } from '../access/access.guard.js';
import { IntrospectSession, type Introspection } from '../queries/introspect-session.js';
import { introspectInput, type IntrospectInput } from './input.js';
import { introspectionOutput } from './output.js';

export const INTROSPECTION_PATH = 'api/introspect';

@ApiTags('services')
@Controller(INTROSPECTION_PATH)
export class IntrospectionController {
  constructor(private readonly queries: QueryBus) {}

  @Post()
  @HttpCode(200)
  @ForService('sessions:introspect')
  @ApiConsumes('application/x-www-form-urlencoded')
  @ApiOperation({ summary: 'Whether a session credential is good now (RFC 7662)' })
  @ApiOkResponse({ standardSchema: introspectionOutput })
  introspect(
    @Req() { principal }: KnownRequest,
    @Body({ schema: introspectInput }) { token }: IntrospectInput,
  ): Promise<Introspection> {
    return this.queries.execute(new IntrospectSession(token, principal.foundAt));
  }
}
