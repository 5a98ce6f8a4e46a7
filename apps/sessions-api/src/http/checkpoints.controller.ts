import { verifierText } from '#event-log/signed-note.js';
import { Controller, Get, Header, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import { Pool } from 'pg';
import { ForService } from '../access/access.guard.js';
import {
  checkpointsBehind,
  latestCheckpoint,
  type StoredCheckpoint,
} from '../checkpoints/checkpoint-table.js';
import { Checkpoints } from '../checkpoints/checkpoints.js';
import { checkpointOutput, checkpointsOutput } from './checkpoint-output.js';
import type { CheckpointOutput, CheckpointsOutput } from './checkpoint-output.js';
import { checkpointsInput, type CheckpointsInput } from './input.js';
import { RequestError } from './request-error.js';

@ApiTags('audit')
@Controller('api/audit/checkpoints')
export class CheckpointsController {
  constructor(
    private readonly checkpoints: Checkpoints,
    private readonly pool: Pool,
  ) {}

  @Post()
  @ForService('audit:read')
  @ApiOperation({ summary: 'Sign what the log is now, to be kept elsewhere' })
  @ApiCreatedResponse({ standardSchema: checkpointOutput })
  async make(): Promise<CheckpointOutput> {
    return { data: toOutput(await this.checkpoints.make()) };
  }

  @Get()
  @ForService('audit:read')
  @ApiOperation({ summary: 'The checkpoints behind a number, in the order in which they were made' })
  @ApiOkResponse({ standardSchema: checkpointsOutput })
  async list(
    @Query({ schema: checkpointsInput }) { after, limit }: CheckpointsInput,
  ): Promise<CheckpointsOutput> {
    const page = await checkpointsBehind(this.pool, after, limit);
    return {
      data: page.map(toOutput),
      next: page.length === limit ? page.at(-1)!.number : null,
    };
  }

  @Get('latest')
  @ForService('audit:read')
  @ApiOperation({ summary: 'The newest checkpoint' })
  @ApiOkResponse({ standardSchema: checkpointOutput })
  async latest(): Promise<CheckpointOutput> {
    const latest = await latestCheckpoint(this.pool);
    if (!latest) throw new RequestError('CHECKPOINT_NOT_FOUND', 'no checkpoint was made yet');
    return { data: toOutput(latest) };
  }
}

@ApiTags('operations')
@Controller('.well-known')
export class CheckpointKeyController {
  constructor(private readonly checkpoints: Checkpoints) {}

  @Get('signoff-checkpoint-key')
  @Header('content-type', 'text/plain; charset=utf-8')
  @Header('cache-control', 'public, max-age=300')
  @ApiOperation({
    summary:
      'The keys that checkpoints are signed with, one a line, the present one first (C2SP signed note)',
  })
  @ApiProduces('text/plain')
  async keys(): Promise<string> {
    return (await this.checkpoints.verifiers()).map((one) => `${verifierText(one)}\n`).join('');
  }
}

const toOutput = ({ madeAt, ...checkpoint }: StoredCheckpoint): CheckpointOutput['data'] => ({
  ...checkpoint,
  madeAt: new Date(madeAt).toISOString(),
});
