import { Body, Controller, Post } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiCreatedResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ForService } from '../access/access.guard.js';
import type { Caller } from '../access/caller.js';
import { IssueSession } from '../commands/issue-session.js';
import { AskedBy } from './asked-by.js';
import { issueInput, lifetimeOf, type IssueInput } from './input.js';
import { issuedOutput, type IssuedOutput } from './output.js';

@ApiTags('services')
@Controller('api/sessions')
export class IssueController {
  constructor(private readonly commands: CommandBus) {}

  @Post()
  @ForService('sessions:issue')
  @ApiOperation({ summary: 'Issue a session and its credential' })
  @ApiCreatedResponse({ standardSchema: issuedOutput })
  async issue(
    @AskedBy() caller: Caller,
    @Body({ schema: issueInput }) input: IssueInput,
  ): Promise<IssuedOutput> {
    const { accountId, ipAddress, userAgent, fingerprint } = input;
    const personal = Object.fromEntries(
      Object.entries({ ipAddress, userAgent, fingerprint }).filter(([, value]) => value !== undefined),
    ) as Record<string, string>;
    const issued = await this.commands.execute(
      new IssueSession(caller, accountId, lifetimeOf(input), personal),
    );
    return {
      data: {
        token: issued.sessionId,
        accountId,
        issuedAt: issued.issuedAt,
        expiresAt: issued.expiresAt,
        accessToken: issued.credential,
        tokenType: 'Bearer',
        ended: [...issued.ended],
      },
    };
  }
}
