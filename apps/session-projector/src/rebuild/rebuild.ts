import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, Pool, PoolClient } from 'pg';
import type { MasterKey } from '#event-log/master-key.js';
import { readHead } from '#event-log/read.js';
import { readCheckpoint, type CheckpointPosition } from '#read-model/checkpoint.js';
import { checkpointFault } from '../checkpoint-fault.js';
import { ProjectedTables } from '../projections/projected-tables.js';
import { compareSets, snapshotOfBoth, type Comparison } from './compare.js';
import { Fill } from './fill.js';
import { beginNextSet, dropNextSet, finishNextSet, refuseChangedTables, swapSets } from './next-set.js';
import { longestReader, whileNobodyProjects } from './owner.js';
import { Pace } from './pace.js';
import { RebuildRefusal } from './rebuild-refusal.js';
import type { Rebuildable } from './rebuildable.js';

/** So few are applied while nobody projects. */
const NEARLY = 500;
const TRY_AGAIN_MS = 1_000;

export interface Means {
  readonly of: Rebuildable;
  /** See `connectOwner`. */
  readonly owner: Client;
  readonly pool: Pool;
  /** That the pool connects as. */
  readonly role: string;
  readonly masterKey: MasterKey;
  readonly stop: AbortSignal;
  readonly say: (line: string) => void;
}

/**
 * Fills a second set of tables from the log, and gives it to readers in one transaction:
 *
 *     begun ──► filled to the checkpoint of the old set ──► compared ──► filled to the log's end ──► swapped
 *       │                                                                                              ▲
 *       └── the old set is no fold of this log: nothing to compare ─────────────────────────────────────┘
 *
 * Whatever ends it before the swap, readers have noticed nothing, and it is begun anew. The checkpoint that they see
 * never goes back, and what is not in the log, `read_model.activity`, stays.
 */
export async function rebuild(means: Means): Promise<void> {
  const { of, owner, pool, role, masterKey, stop } = means;
  let swapped = false;
  try {
    const start = await beginNextSet(owner, role, of);
    const tables = new ProjectedTables(pool, masterKey, of, 'read_model_next');
    const fill = new Fill(pool, tables, stop, start);
    await new Rebuild(means, fill).run();
    swapped = true;
  } finally {
    if (!swapped) await dropNextSet(owner).catch(() => undefined);
  }
}

class Rebuild {
  constructor(
    private readonly means: Means,
    private readonly fill: Fill,
  ) {}

  async run(): Promise<void> {
    const { of, owner, pool, say } = this.means;
    const end = async () => (await readHead(pool)).position;
    const { fault } = await this.old();
    const pace = new Pace(say);
    await this.follow(() => (fault === null ? this.oldPosition() : end()), pace);
    pace.done();
    await finishNextSet(owner, of);
    say('indexes are built');
    const missed = await this.compare(fault);
    await this.swap(end);
    say(`${of.readers} read the new tables, which are complete up to ${this.fill.at.position}`);
    await of.swapped(pool, missed);
  }

  /** Until it is near to where `end` is by then. */
  private async follow(end: () => Promise<number>, pace?: Pace): Promise<void> {
    let last = await end();
    do await this.fill.to(last, (position) => pace?.at(position, last));
    while ((last = await end()) > this.fill.at.position + NEARLY);
  }

  /** Answers whether the old tables may have missed rows. */
  private async compare(fault: string | null): Promise<boolean> {
    const { of, say } = this.means;
    const snapshot = fault === null ? await this.snapshot() : undefined;
    if (!snapshot) {
      say(`there is nothing to compare: ${fault ?? 'the old tables were put back'}`);
      return true;
    }
    const comparison = await compareSets(snapshot, of).finally(() => snapshot.release(true));
    say(told(this.fill.at.position, of.rows, comparison));
    return comparison.onlyNew > 0;
  }

  /** Of both sets, at one position. */
  private async snapshot(): Promise<PoolClient | undefined> {
    const { of, owner, pool } = this.means;
    let snapshot: PoolClient | undefined;
    await this.untilDone(
      () => this.follow(() => this.oldPosition()),
      async () => {
        await refuseChangedTables(owner, of);
        const position = await this.oldPosition();
        await this.fill.to(position);
        if (position === this.fill.at.position) snapshot = await snapshotOfBoth(pool, of);
      },
    );
    return snapshot;
  }

  private async swap(end: () => Promise<number>): Promise<void> {
    const { of, owner, pool } = this.means;
    await this.untilDone(
      () => this.follow(end),
      async () => {
        await refuseChangedTables(owner, of);
        await this.fill.to(await this.oldPosition());
        const { logId, epoch } = await readHead(pool);
        const { at } = this.fill;
        if (at.logId !== logId || at.epoch !== epoch) {
          throw new RebuildRefusal('LOG_CHANGED', `this is epoch ${epoch} of log ${logId} by now`);
        }
        await swapSets(owner, of);
      },
    );
  }

  /** `prepare` at leisure, then `work` while nobody projects; again when somebody uses the tables for long. */
  private async untilDone(prepare: () => Promise<void>, work: () => Promise<void>): Promise<void> {
    const { of, owner, stop, say } = this.means;
    let told = '';
    for (;;) {
      await prepare();
      if (await whileNobodyProjects(owner, of, work)) return;
      const reader = await longestReader(owner, of);
      if (reader !== told) say(`waits for ${reader}, ${of.readers} go on`);
      told = reader;
      await sleep(TRY_AGAIN_MS, undefined, { signal: stop }).catch(() => undefined);
      if (stop.aborted) throw new RebuildRefusal('STOPPED', 'nothing has changed for readers');
    }
  }

  /** 0 for tables that are no fold of this log. */
  private async oldPosition(): Promise<number> {
    const { checkpoint, fault } = await this.old();
    return fault === null ? checkpoint!.position : 0;
  }

  private async old(): Promise<{ checkpoint?: CheckpointPosition; fault: string | null }> {
    const { of, pool } = this.means;
    const checkpoint = await readCheckpoint(pool, of.projection);
    if (!checkpoint) return { fault: 'nothing was projected yet' };
    return {
      checkpoint,
      fault: (await checkpointFault(pool, checkpoint, await readHead(pool)))?.reason ?? null,
    };
  }
}

const told = (position: number, rows: string, { onlyOld, onlyNew, different }: Comparison) =>
  onlyOld + onlyNew + different === 0
    ? `compared at ${position}: the old tables have the same`
    : `compared at ${position}: ${onlyOld} ${rows} stand only in the old tables, ${onlyNew} only in the new ones, ${different} differ`;
