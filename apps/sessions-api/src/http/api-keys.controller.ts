import { DomainError } from '#domain/domain-error.js';
import { isApiKeyId } from '#domain/identifier.js';
import { Body, Controller, Delete, Get, Param, Post, Query } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ForService } from '../access/access.guard.js';
import type { Caller } from '../access/caller.js';
import { CreateApiKey, type NewApiKey } from '../commands/create-api-key.js';
import { RevokeApiKey } from '../commands/revoke-api-key.js';
import { ListApiKeys } from '../queries/list-api-keys.js';
import { AskedBy } from './asked-by.js';
import { createKeyInput, pageInput, type CreateKeyInput, type PageInput } from './input.js';
import { apiKeysOutput, createdKeyOutput, pagination, revokedKeyOutput } from './output.js';
import type { ApiKeysOutput, CreatedKeyOutput, RevokedKeyOutput } from './output.js';

@ApiTags('keys')
@Controller('api/keys')
export class ApiKeysController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
  ) {}

  @Post()
  @ForService('keys:write')
  @ApiOperation({ summary: 'Create an API key, never wider than the one that asks' })
  @ApiCreatedResponse({ standardSchema: createdKeyOutput })
  async create(
    @AskedBy() caller: Caller,
    @Body({ schema: createKeyInput }) input: CreateKeyInput,
  ): Promise<CreatedKeyOutput> {
    const { kind, name, scopes, expiresAt = null } = input;
    const accountId = input.kind === 'account' ? input.accountId : null;
    const { key, ...created } = await this.commands.execute(
      new CreateApiKey(caller, { kind, name, scopes, accountId, expiresAt }),
    );
    return { data: { ...toOutput(created), key } };
  }

  @Get()
  @ForService('keys:write')
  @ApiOperation({ summary: 'The API keys that are good today, newest first' })
  @ApiOkResponse({ standardSchema: apiKeysOutput })
  async list(@Query({ schema: pageInput }) { page, limit }: PageInput): Promise<ApiKeysOutput> {
    const { keys, total } = await this.queries.execute(new ListApiKeys({ page, limit }));
    return {
      data: keys.map((key) => ({ ...toOutput(key), createdAt: key.createdAt })),
      pagination: pagination(page, limit, total),
    };
  }

  @Delete(':id')
  @ForService('keys:write')
  @ApiOperation({ summary: 'Revoke an API key: it stops at once at every process' })
  @ApiOkResponse({ standardSchema: revokedKeyOutput })
  async revoke(@AskedBy() caller: Caller, @Param('id') id: string): Promise<RevokedKeyOutput> {
    if (!isApiKeyId(id)) throw new DomainError('API_KEY_NOT_FOUND', 'no such API key');
    return { data: await this.commands.execute(new RevokeApiKey(caller, id)) };
  }
}

const toOutput = ({ keyId, kind, name, scopes, accountId, expiresAt }: NewApiKey & { keyId: string }) => ({
  id: keyId,
  kind,
  name,
  scopes: [...scopes],
  ...(accountId !== null && { accountId }),
  ...(expiresAt !== null && { expiresAt }),
});
