import { CHECKPOINT } from '#bus/subjects.js';
import { MasterKey } from '#event-log/master-key.js';
import { readHead } from '#event-log/read.js';
import type { NoteVerifier } from '#event-log/signed-note.js';
import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Pool } from 'pg';
import type { Logger } from 'pino';
import { LOGGER } from '../logger.js';
import { BusConnection } from '../relay/bus-connection.js';
import { checkpointKey } from './checkpoint-key.js';
import { CheckpointRefusal } from './checkpoint-refusal.js';
import {
  checkpointVerifiers,
  latestCheckpoint,
  type LogNow,
  lookAtLog,
  type StoredCheckpoint,
} from './checkpoint-table.js';
import { makeCheckpoint, refuseContradiction, underCheckpointLock } from './make-checkpoint.js';

const SAME_FOR_MS = 5_000;
const LOOK_EVERY_MS = 10_000;
const MADE_EVERY_MS = 60_000;

/**
 * Makes a checkpoint each minute in which the log has moved, in whichever process looks first: without NATS as well, and
 * whoever leads. What it has made it publishes; a note that was missed can be read.
 */
@Injectable()
export class Checkpoints implements OnApplicationBootstrap, BeforeApplicationShutdown {
  /** Why this process signs nothing, as of its last look. */
  refusal: CheckpointRefusal | undefined;
  private looking: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly pool: Pool,
    private readonly masterKey: MasterKey,
    private readonly bus: BusConnection,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.looking ??= this.look().finally(() => (this.looking = undefined));
    }, LOOK_EVERY_MS);
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.looking;
  }

  /**
   * Whether the log has moved or not: it says what the log was at a time. Who asks again within seconds, while the log
   * stands still, gets the same. Throws `CheckpointRefusal`.
   */
  async make(): Promise<StoredCheckpoint> {
    const made = await this.unlessRefused(() => this.attempt(isOld));
    return made ?? (await latestCheckpoint(this.pool))!;
  }

  /** The public keys of this log, the one that signs first. Makes it if there is none. */
  async verifiers(): Promise<NoteVerifier[]> {
    const { logId } = await readHead(this.pool);
    const known = await checkpointVerifiers(this.pool, logId);
    if (known.length > 0) return known;
    return underCheckpointLock(this.pool, async (client) => {
      await checkpointKey(client, this.masterKey);
      return checkpointVerifiers(client, logId);
    });
  }

  /** Looks without the lock, which is needed once a minute, and for contradictions each time. */
  private async look(): Promise<void> {
    try {
      await this.unlessRefused(async () => {
        const last = await latestCheckpoint(this.pool);
        const log = await lookAtLog(this.pool, last?.position ?? 0);
        refuseContradiction(log, last);
        if (isDue(log, last)) await this.attempt(isDue);
      });
    } catch (err) {
      if (!(err instanceof CheckpointRefusal)) this.logger.warn({ err }, 'checkpoint.failed');
    }
  }

  private async attempt(due: typeof isDue): Promise<StoredCheckpoint | undefined> {
    const made = await makeCheckpoint(this.pool, this.masterKey, due);
    if (made && this.bus.isConnected) this.bus.connection?.publish(CHECKPOINT, made.note);
    return made;
  }

  private async unlessRefused<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      const result = await work();
      this.refusal = undefined;
      return result;
    } catch (error) {
      if (error instanceof CheckpointRefusal) {
        this.refusal = error;
        this.logger.error({ code: error.code, reason: error.message }, 'checkpoint.refused');
      }
      throw error;
    }
  }
}

function isDue({ head, now }: LogNow, last: StoredCheckpoint | undefined): boolean {
  if (!last) return head.position > 0;
  const hasMoved = head.position !== last.position || head.epoch !== last.epoch;
  return hasMoved && now - last.madeAt >= MADE_EVERY_MS;
}

const isOld = ({ head, now }: LogNow, last: StoredCheckpoint | undefined): boolean =>
  last?.epoch !== head.epoch || last.position !== head.position || now - last.madeAt > SAME_FOR_MS;
