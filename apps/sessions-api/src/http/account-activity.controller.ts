import { Controller, Get, Query, Req } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ForAccount, type KnownRequest } from '../access/access.guard.js';
import type { AccountPrincipal } from '../access/principal.js';
import { SearchAudit } from '../queries/search-audit.js';
import { ownHistoryOutput, toOwnEntry, type OwnHistoryOutput } from './audit-output.js';
import { beforeInput, type BeforeInput } from './input.js';

@ApiTags('account')
@Controller('api/account/activity')
export class AccountActivityController {
  constructor(private readonly queries: QueryBus) {}

  @Get()
  @ForAccount('sessions:read')
  @ApiOperation({ summary: 'What happened to the own account, newest first' })
  @ApiOkResponse({ standardSchema: ownHistoryOutput })
  async list(
    @Req() { principal: { accountId } }: KnownRequest<AccountPrincipal>,
    @Query({ schema: beforeInput }) { before, limit }: BeforeInput,
  ): Promise<OwnHistoryOutput> {
    const { entries, next, asOf } = await this.queries.execute(new SearchAudit({ accountId }, before, limit));
    return { data: entries.map(toOwnEntry), next, asOf };
  }
}
