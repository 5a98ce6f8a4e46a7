import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SessionLog } from '../../apps/session-projector/test/session-log.js';
import { until } from '../harness/until.js';
import type { AppProcess } from './harness/app-process.js';
import { devices } from './harness/devices.js';
import { projected } from './harness/projected.js';
import { rebuilt } from './harness/rebuild.js';
import { dataOf, issue, type Issued, listedBy, operatorPath } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

const BUSY = 8;
const QUIET = 8;
const REBUILDS = 4;

const pathOf = (account: string) => `${operatorPath(account)}?limit=100`;

async function expectTokens({ service }: Api, account: string, tokens: string[]): Promise<void> {
  expect(await listedBy(service, pathOf(account))).toEqual(tokens);
}

async function expectShown({ service }: Api, account: string, shown: unknown): Promise<void> {
  expect(dataOf(await service.get(pathOf(account)))).toEqual(shown);
}

describe('rebuilding the read model while everything runs', () => {
  let world: World;
  let apis: Api[];
  let projector: AppProcess;
  let log: SessionLog;
  let quiet: { account: string; shown: unknown }[];

  /**
   * Each busy account has one writer, which knows what must be listed after each of its commands, at whichever process;
   * of the quiet ones, which the read model has for certain, every list has to be the same.
   */
  class Load {
    lists = 0;
    private over = false;
    private readonly running: Promise<unknown>;

    constructor() {
      const busy = Array.from({ length: BUSY }, (_, i) => this.changes(`busy-${i}`, i));
      this.running = Promise.all([...busy, ...apis.map((api) => this.watches(api))]);
    }

    /** Until every account was listed a number of times since this was asked. */
    async goesOn(): Promise<void> {
      const enough = this.lists + 20 * (BUSY + QUIET);
      await Promise.race([
        until(
          () => this.lists,
          (lists) => lists >= enough,
        ),
        this.running,
      ]);
    }

    async stop(): Promise<void> {
      this.over = true;
      await this.running;
    }

    private async changes(account: string, number: number): Promise<void> {
      let sessions: string[] = [];
      for (let i = number; !this.over; i++) {
        const [here, there] = i % 2 === 0 ? [apis[0]!, apis[1]!] : [apis[1]!, apis[0]!];
        if (i % 3 < 2 || sessions.length === 0) {
          const { token } = await issue(here.service, account, devices[i % devices.length]!.sent);
          sessions = [token, ...sessions];
        } else if (sessions.length > 12) {
          dataOf(await here.service.delete(operatorPath(account)));
          sessions = [];
        } else {
          const ended = sessions[i % sessions.length]!;
          dataOf(await here.service.delete(`${operatorPath(account)}/${ended}`));
          sessions = sessions.filter((token) => token !== ended);
        }
        await expectTokens(there, account, sessions);
        this.lists++;
      }
    }

    private async watches(api: Api): Promise<void> {
      while (!this.over) {
        for (const { account, shown } of quiet) {
          await expectShown(api, account, shown);
          this.lists++;
        }
      }
    }
  }

  /** Positions that the checkpoint had, as somebody sees it who looks again and again. */
  class Checkpoints {
    readonly seen: number[] = [];
    private over = false;
    private readonly running = this.look();

    async stop(): Promise<void> {
      this.over = true;
      await this.running;
    }

    private async look(): Promise<void> {
      while (!this.over) {
        const { rows } = await world.owner.query(
          `SELECT position FROM read_model.checkpoint WHERE projection = 'sessions'`,
        );
        this.seen.push((rows as { position: number }[])[0]!.position);
      }
    }
  }

  beforeAll(async () => {
    world = await World.create();
    apis = await Promise.all([world.startApi(), world.startApi()]);
    projector = await world.startProjector();
    log = await SessionLog.open(world.database.appUrl, world.masterKey, () => undefined);
    await log.history();

    const accounts = Array.from({ length: QUIET }, (_, i) => `quiet-${i}`);
    const sessions: Issued[] = [];
    for (const [i, account] of accounts.entries()) {
      for (const { sent } of devices) sessions.push(await issue(apis[i % 2]!.service, account, sent));
    }
    await projected(world);
    const inUse = sessions.filter((_, i) => i % devices.length === 0);
    for (const { token } of inUse) {
      dataOf(await apis[0]!.service.post(`/api/sessions/${token}/activity`, undefined), 202);
    }
    await until(
      async () => (await world.owner.query('SELECT FROM read_model.activity')).rowCount,
      (count) => count === inUse.length,
    );
    quiet = await Promise.all(
      accounts.map(async (account) => ({
        account,
        shown: dataOf(await apis[0]!.service.get(pathOf(account))),
      })),
    );
  });
  afterAll(async () => {
    await log.close();
    await world.stop();
  });

  it('fails no list, shows what was acknowledged and nothing that was ended, and never goes back', async () => {
    const load = new Load();
    const checkpoints = new Checkpoints();
    try {
      for (let i = 0; i < REBUILDS; i++) {
        await load.goesOn();
        expect(await rebuilt(world)).toMatch(/^compared at \d+: the old tables have the same$/m);
      }
      await load.goesOn();
    } finally {
      await Promise.all([load.stop(), checkpoints.stop()]);
    }
    expect(checkpoints.seen).toEqual(checkpoints.seen.toSorted((one, other) => one - other));
  }, 120_000);

  it('leaves the fold of the log, which goes on being projected', async () => {
    for (const round of [1, 2]) {
      const { rows, hash } = await log.projected();
      expect(rows).toEqual(await log.folded());
      expect(hash).toEqual((await log.head()).hash);
      await issue(apis[0]!.service, `later-${round}`, devices[0]!.sent);
    }
  });

  it('keeps when sessions were last seen', async () => {
    const seen = quiet.flatMap(({ shown }) => shown as { issuedAt: string; lastSeenAt: string }[]);
    expect(seen.filter(({ issuedAt, lastSeenAt }) => issuedAt < lastSeenAt)).toHaveLength(QUIET);
    for (const { account, shown } of quiet) {
      for (const api of apis) await expectShown(api, account, shown);
    }
  });

  it('is nothing that the processes complain of', () => {
    const complaints = [...apis, projector].flatMap((app) =>
      app.lines().filter(({ level, msg }) => Number(level) >= 40 && msg !== 'projector.fenced'),
    );
    expect(complaints).toEqual([]);
  });
});
