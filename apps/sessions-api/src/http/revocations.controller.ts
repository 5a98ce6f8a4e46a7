import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { ForService } from '../access/access.guard.js';
import { Effects } from '../effect/effects.js';
import { positionInput, servicesInput, type PositionInput, type ServicesInput } from './input.js';
import { positionEffectOutput, type PositionEffectOutput } from './output.js';
import { RequestError } from './request-error.js';

@ApiTags('services')
@Controller('api/revocations')
export class RevocationsController {
  constructor(private readonly effects: Effects) {}

  @Get(':position/effect')
  @ForService('sessions:read')
  @ApiOperation({ summary: 'Where the revocations up to a position of the log are in effect' })
  @ApiQuery({
    name: 'service',
    required: false,
    isArray: true,
    description: 'Services that have to be there: without any instance they are told as not in effect',
  })
  @ApiOkResponse({ standardSchema: positionEffectOutput })
  async effect(
    @Param({ schema: positionInput }) { position }: PositionInput,
    @Query({ schema: servicesInput }) { service }: ServicesInput,
  ): Promise<PositionEffectOutput> {
    const data = await this.effects.read(position, service);
    if (!data) throw new RequestError('POSITION_NOT_FOUND', 'the log has not come to this position');
    return { data };
  }
}
