import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Pool } from 'pg';
import type { Logger } from 'pino';
import type { z } from 'zod';
import { signOff } from '../effect/subscribers.js';
import { LimitedLog } from '../http/limited-log.js';
import { LOGGER } from '../logger.js';
import { BusConnection } from '../relay/bus-connection.js';
import { isAnswerable } from './answerable.js';
import { HeadReader } from './head-reader.js';
import { RevocationPages } from '../revocations/revocation-pages.js';
import {
  headQuestion,
  readQuestion,
  revocationsQuestion,
  rpcError,
  signOffQuestion,
} from './rpc-question.js';
import { QUEUE } from './rpc-server.js';

const HEAD = 'signoff.rpc.*.head';
const REVOCATIONS = 'signoff.rpc.*.revocations';
const SIGN_OFF = 'signoff.rpc.*.sign-off';
/** A page fits into a message of the server, whatever it lets through: a revocation takes 160 bytes at most. */
const BYTES_EACH = 160;

/**
 * What the subscribers of revocations ask on core NATS, by request and reply. Answered from PostgreSQL, read after the
 * question came, and never from anything that is remembered.
 */
@Injectable()
export class RevocationDoors implements OnApplicationBootstrap {
  private readonly heads: HeadReader;
  private readonly log: LimitedLog;

  constructor(
    private readonly pool: Pool,
    private readonly bus: BusConnection,
    private readonly pages: RevocationPages,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.heads = new HeadReader(pool);
    this.log = new LimitedLog(logger, 1);
  }

  onApplicationBootstrap(): void {
    this.bus.connected.then(
      (connection) => this.open(connection),
      () => undefined,
    );
  }

  private open(connection: NatsConnection): void {
    const largest = Math.floor(((connection.info?.max_payload ?? 0) * 0.9) / BYTES_EACH);
    connection.subscribe(HEAD, {
      queue: QUEUE,
      callback: (_, message) =>
        void this.answer(message, headQuestion, (asked) => this.head(callerOf(message), asked)),
    });
    connection.subscribe(SIGN_OFF, {
      queue: QUEUE,
      callback: (_, message) =>
        void this.answer(message, signOffQuestion, async (asked) => {
          await signOff(this.pool, { service: callerOf(message), ...asked });
          return {};
        }),
    });
    connection.subscribe(REVOCATIONS, {
      queue: QUEUE,
      callback: (_, message) =>
        void this.answer(message, revocationsQuestion, async ({ after, limit }) => {
          const page = await this.pages.read(after, Math.max(1, Math.min(limit, largest)));
          const { logId, epoch } = page.head;
          return { logId, epoch, revocations: page.revocations };
        }),
    });
  }

  private async head(service: string, { nonce, subscriber }: z.output<typeof headQuestion>) {
    const { logId, epoch, position, revocations, revocationsFloor, time } = await this.heads.read(
      subscriber && { service, ...subscriber },
    );
    return {
      logId,
      epoch,
      position,
      revocations,
      revocationsFloor,
      nonce,
      time: new Date(time).toISOString(),
      ...(subscriber && { registered: subscriber.bootId }),
    };
  }

  private async answer<Schema extends z.ZodType>(
    message: Msg,
    schema: Schema,
    find: (asked: z.output<Schema>) => Promise<object>,
  ): Promise<void> {
    if (!message.reply || !isAnswerable(message)) return;
    const question = readQuestion(schema, message.data);
    let answer: object;
    try {
      answer = 'refusal' in question ? question.refusal : await find(question.asked);
    } catch (err) {
      this.log.write({ level: 'warn', name: 'rpc.failed', code: 'LOG_UNAVAILABLE' }, { err });
      answer = rpcError('LOG_UNAVAILABLE', 'the log cannot be read now');
    }
    try {
      message.respond(JSON.stringify(answer));
    } catch {
      // The connection was closed meanwhile: this process stops.
    }
  }
}

/** `signoff.rpc.<caller>.<operation>`: who asks is who may publish there. */
const callerOf = ({ subject }: Msg) => subject.split('.')[2]!;
