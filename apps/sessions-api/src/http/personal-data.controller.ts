import { Controller, Delete, Param } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Pool } from 'pg';
import { ForService } from '../access/access.guard.js';
import type { Caller } from '../access/caller.js';
import { ErasePersonalData } from '../commands/erase-personal-data.js';
import { readModelsReached } from '../queries/read-models-reached.js';
import { AskedBy } from './asked-by.js';
import { accountInput, type AccountInput } from './input.js';
import { erasedOutput, type ErasedOutput } from './output.js';

@ApiTags('services')
@Controller('api/accounts/:accountId/personal-data')
export class PersonalDataController {
  constructor(
    private readonly commands: CommandBus,
    private readonly pool: Pool,
  ) {}

  @Delete()
  @ForService('accounts:erase')
  @ApiOperation({
    summary: 'Erase what is personal of an account, everywhere and for ever; its sessions live on',
  })
  @ApiOkResponse({ standardSchema: erasedOutput })
  async erase(
    @AskedBy() caller: Caller,
    @Param({ schema: accountInput }) { accountId }: AccountInput,
  ): Promise<ErasedOutput> {
    const { months, position } = await this.commands.execute(new ErasePersonalData(caller, accountId));
    return { data: { months, position, complete: await readModelsReached(this.pool, position) } };
  }
}
