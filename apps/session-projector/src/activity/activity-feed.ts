import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { jetstream, jetstreamManager, type Consumer } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { Pool } from 'pg';
import type { Logger } from 'pino';
import { ACTIVITY_STREAM, type Activity } from '#bus/activity.js';
import { Bus } from '../bus.js';
import { LOGGER } from '../logger.js';
import { StreamReading } from './stream-reading.js';
import { writeActivity } from './write-activity.js';
import { writeHeard } from './write-heard.js';

const BATCH = 1_000;
const GATHER_MS = 1_000;
const HEARTBEAT_MS = 2_000;
const ANSWER_WITHIN_MS = 2_000;
const RETRY_MS = 1_000;

/**
 * Carries what was seen in use to `read_model.activity`, in bulk, and says in `read_model.activity_heard` since when it
 * has left out nothing: where there is none of these heartbeats, nobody may be held to be idle. Each consumer begins with
 * what the stream still holds, since taking in a message twice changes nothing, and nothing waits for it.
 */
@Injectable()
export class ActivityFeed {
  constructor(
    private readonly bus: Bus,
    private readonly pool: Pool,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  /** Runs until `stop` is aborted. */
  async follow(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      try {
        await this.read(await this.bus.connected(), stop);
      } catch (err) {
        if (stop.aborted) return;
        this.log.debug({ err }, 'activity.interrupted');
        await sleep(RETRY_MS, undefined, { signal: stop }).catch(() => undefined);
      }
    }
  }

  private async read(bus: NatsConnection, stop: AbortSignal): Promise<void> {
    const consumer = await jetstream(bus).consumers.get(ACTIVITY_STREAM);
    const { streams } = await jetstreamManager(bus, { checkAPI: false, timeout: ANSWER_WITHIN_MS });
    const reading = new StreamReading();
    let askedAt = -Infinity;
    while (!stop.aborted) {
      if (performance.now() - askedAt > HEARTBEAT_MS) {
        askedAt = performance.now();
        reading.expect(await streams.info(ACTIVITY_STREAM), askedAt);
      }
      const seen = await gather(consumer, reading, stop);
      if (await writeActivity(this.pool, seen)) reading.beginAnew();
      const reached = reading.reached();
      if (reached) await writeHeard(this.pool, reached);
    }
  }
}

/** The newest of each session among the messages that are there, or come within a second. */
async function gather(
  consumer: Consumer,
  reading: StreamReading,
  stop: AbortSignal,
): Promise<Map<string, string>> {
  const seen = new Map<string, string>();
  const messages = await consumer.fetch({ max_messages: BATCH, expires: GATHER_MS });
  // While NATS is away nothing else would end the wait.
  const end = () => messages.stop();
  stop.addEventListener('abort', end, { once: true });
  try {
    for await (const message of messages) {
      reading.take(message.seq);
      const { sessionId, at } = message.json<Activity>();
      if (at > (seen.get(sessionId) ?? '')) seen.set(sessionId, at);
    }
  } finally {
    stop.removeEventListener('abort', end);
  }
  return seen;
}
