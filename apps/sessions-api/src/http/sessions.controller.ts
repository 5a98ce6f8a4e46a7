import { Body, Controller, HttpCode, Param, Patch, Post } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import {
  ApiAcceptedResponse,
  ApiCreatedResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { ForService } from '../access/access.guard.js';
import type { Caller } from '../access/caller.js';
import { ExtendSession } from '../commands/extend-session.js';
import { RecordActivity } from '../commands/record-activity.js';
import { AskedBy } from './asked-by.js';
import { extendInput, issueInput, type ExtendInput, type IssueInput } from './input.js';
import { activityOutput, extendedOutput, issuedOutput } from './output.js';
import type { ActivityOutput, ExtendedOutput, IssuedOutput } from './output.js';
import { toCredential, toIssuedOutput, toIssueSession } from './issued-session.js';
import { requireToken } from './session-token.js';

@ApiTags('services')
@Controller('api/sessions')
export class SessionsController {
  constructor(private readonly commands: CommandBus) {}

  @Post()
  @ForService('sessions:issue')
  @ApiOperation({ summary: 'Issue a session and its credential' })
  @ApiCreatedResponse({ standardSchema: issuedOutput })
  async issue(
    @AskedBy() caller: Caller,
    @Body({ schema: issueInput }) input: IssueInput,
  ): Promise<IssuedOutput> {
    return toIssuedOutput(await this.commands.execute(toIssueSession(caller, input)));
  }

  @Patch(':token')
  @ForService('sessions:issue')
  @ApiOperation({ summary: 'Extend a session: never shortens it, and answers with a new credential' })
  @ApiOkResponse({ standardSchema: extendedOutput })
  async extend(
    @AskedBy() caller: Caller,
    @Param('token') token: string,
    @Body({ schema: extendInput }) { lifetime }: ExtendInput,
  ): Promise<ExtendedOutput> {
    const command = new ExtendSession(caller, requireToken(token), lifetime);
    return { data: toCredential(await this.commands.execute(command)) };
  }

  @Post(':token/activity')
  @HttpCode(202)
  @ForService('sessions:issue')
  @ApiOperation({ summary: 'The session is in use: told on at most once a minute' })
  @ApiAcceptedResponse({ standardSchema: activityOutput })
  async seen(@Param('token') token: string): Promise<ActivityOutput> {
    await this.commands.execute(new RecordActivity(requireToken(token)));
    return { data: { accepted: true } };
  }
}
