import { accountIdOf, accountStreamId } from '#event-log/account-stream.js';
import { streamsWithKeysBefore } from '#event-log/subject-keys.js';
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Pool } from 'pg';
import type { Logger } from 'pino';
import { policy } from '../access/caller.js';
import { ErasePersonalData, ErasePersonalDataHandler } from '../commands/erase-personal-data.js';
import { CONFIG, type Config } from '../config.js';
import { LOGGER } from '../logger.js';
import { Metrics } from '../metrics.js';
import { monthsBefore } from './months-before.js';

const LOOK_EVERY_MS = 3_600_000;
const BATCH = 100;

/**
 * The policy `PERSONAL_DATA_DAYS`: erases what is personal of every month that ended so long ago. Each API process looks
 * once an hour; what another has erased meanwhile is no longer there.
 */
@Injectable()
export class PersonalDataRetention implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly stop = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly erase: ErasePersonalDataHandler,
    private readonly pool: Pool,
    private readonly metrics: Metrics,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  onApplicationBootstrap(): void {
    if (this.config.PERSONAL_DATA_DAYS === 0) return;
    this.look();
    this.timer = setInterval(() => this.look(), LOOK_EVERY_MS).unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    this.stop.abort();
    await this.running;
  }

  private look(): void {
    this.running = this.running
      .then(() => this.eraseWhatIsDue())
      .then(() => this.metrics.lookedForOldData(true))
      .catch((err: unknown) => {
        this.metrics.lookedForOldData(false);
        this.log.warn({ err }, 'retention.failed');
      });
  }

  private async eraseWhatIsDue(): Promise<void> {
    const { rows } = await this.pool.query<{ now: Date }>('SELECT clock_timestamp() AS now');
    const before = monthsBefore(rows[0]!.now, this.config.PERSONAL_DATA_DAYS);
    let [accounts, failures] = [0, 0];
    for (let after = accountStreamId(''); ;) {
      const streams = await streamsWithKeysBefore(this.pool, before, after, BATCH);
      if (streams.length === 0) break;
      for (const streamId of streams) {
        if (this.stop.signal.aborted) return;
        // One that fails must not keep those behind it: it is tried again in an hour.
        await this.erase.execute(new ErasePersonalData(policy(), accountIdOf(streamId)!, before)).then(
          () => accounts++,
          (err: unknown) => this.log.warn({ err, failures: ++failures }, 'retention.account-failed'),
        );
      }
      after = streams.at(-1)!;
    }
    if (accounts > 0) this.log.info({ accounts, before }, 'retention.erased');
    if (failures > 0) throw new Error(`of ${failures} accounts nothing was erased`);
  }
}
