import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { jetstream, type Consumer } from '@nats-io/jetstream';
import { Pool } from 'pg';
import type { Logger } from 'pino';
import { ACTIVITY_STREAM, type Activity } from '#bus/activity.js';
import { Bus } from '../bus.js';
import { LOGGER } from '../logger.js';
import { writeActivity } from './write-activity.js';

const BATCH = 1_000;
const GATHER_MS = 1_000;
const RETRY_MS = 1_000;

/**
 * Carries what was seen in use to `read_model.activity`, in bulk. Best effort: each consumer begins with what the stream
 * still holds, since taking in a message twice changes nothing, and nothing waits for it.
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
        const consumer = await jetstream(await this.bus.connected()).consumers.get(ACTIVITY_STREAM);
        while (!stop.aborted) await writeActivity(this.pool, await gather(consumer, stop));
      } catch (err) {
        if (stop.aborted) return;
        this.log.debug({ err }, 'activity.interrupted');
        await sleep(RETRY_MS, undefined, { signal: stop }).catch(() => undefined);
      }
    }
  }
}

/** The newest of each session among the messages that are there, or come within a second. */
async function gather(consumer: Consumer, stop: AbortSignal): Promise<Map<string, string>> {
  const seen = new Map<string, string>();
  const messages = await consumer.fetch({ max_messages: BATCH, expires: GATHER_MS });
  // While NATS is away nothing else would end the wait.
  const end = () => messages.stop();
  stop.addEventListener('abort', end, { once: true });
  try {
    for await (const message of messages) {
      const { sessionId, at } = message.json<Activity>();
      if (at > (seen.get(sessionId) ?? '')) seen.set(sessionId, at);
    }
  } finally {
    stop.removeEventListener('abort', end);
  }
  return seen;
}
