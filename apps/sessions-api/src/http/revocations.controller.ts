import { Readable } from 'node:stream';
import { Controller, Get, Param, Query, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiOkResponse, ApiOperation, ApiProduces, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ForService, type KnownRequest } from '../access/access.guard.js';
import { Authenticator } from '../access/authenticator.js';
import { Effects } from '../effect/effects.js';
import { FollowRevocations } from '../revocations/follow-revocations.js';
import { afterInput, positionInput, servicesInput } from './input.js';
import type { AfterInput, PositionInput, ServicesInput } from './input.js';
import { positionEffectOutput, revocationsOutput, type PositionEffectOutput } from './output.js';
import { APPLIED } from './open-api.js';
import { secondsToWait } from './prefer.js';
import { RequestError } from './request-error.js';
import { EVENT_STREAM, lastEventOf, toEvents, toRevocationsOutput } from './revocations-output.js';

const MAX_WAIT_SECONDS = 30;

@ApiTags('services')
@Controller('api/revocations')
export class RevocationsController {
  constructor(
    private readonly effects: Effects,
    private readonly revocations: FollowRevocations,
    private readonly authenticator: Authenticator,
  ) {}

  @Get()
  @ForService('sessions:introspect')
  @ApiOperation({
    summary: 'The revocations behind a number, or as they come, for whoever does not follow them on NATS',
  })
  @ApiHeader({
    name: 'Prefer',
    required: false,
    description: `wait=<seconds, ${MAX_WAIT_SECONDS} at most>: if there is none yet, answers with the next`,
    example: 'wait=30',
  })
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: `Goes on behind it, as ${EVENT_STREAM}` })
  @ApiQuery({ name: 'after', required: false, description: 'Without it: behind revocationsFloor' })
  @ApiProduces('application/json', EVENT_STREAM)
  @ApiOkResponse({ standardSchema: revocationsOutput, headers: { 'Preference-Applied': APPLIED } })
  async list(
    @Query({ schema: afterInput }) { after, limit }: AfterInput,
    @Req() { headers }: KnownRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    if (headers.accept?.includes(EVENT_STREAM)) {
      const from =
        lastEventOf(headers['last-event-id']) ?? (after === undefined ? undefined : { revocation: after });
      // A key that is revoked meanwhile ends it.
      const check = () => this.authenticator.authenticate(headers.authorization);
      const events = Readable.from(toEvents(this.revocations.pagesBehind(from, check)));
      return (
        reply
          .type(EVENT_STREAM)
          // Proxies that buffer answers would keep them from their readers.
          .header('x-accel-buffering', 'no')
          // Its end is that of the connection: when we stop, nothing else is to come.
          .header('connection', 'close')
          .send(events)
      );
    }
    const seconds = secondsToWait(headers.prefer, MAX_WAIT_SECONDS);
    const page = await this.revocations.page(after, limit, (seconds ?? 0) * 1_000);
    if (seconds !== undefined) reply.header('preference-applied', `wait=${seconds}`);
    return reply.send(toRevocationsOutput(page));
  }

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
