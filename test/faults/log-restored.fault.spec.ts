import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startCommand } from '../e2e/harness/command.js';
import { copyLog, putBack } from '../e2e/harness/older-copy.js';
import { projected } from '../e2e/harness/projected.js';
import { until } from '../harness/until.js';
import { answerProblems } from './harness/agreement.js';
import type { Load } from './harness/load.js';
import { System } from './harness/system.js';

let system: System;

beforeEach(async () => {
  system = await System.start({ apis: 2, projectors: 2 });
});
afterEach(() => system.stop());

/** What clients were told before the copy was made; the log has lost what came after it. */
async function restored(): Promise<Load> {
  const kept = system.load({ accounts: 60 });
  await kept.answered(300);
  await kept.stop();
  await copyLog(system.world);
  const lost = system.load({ accounts: 60 });
  await lost.answered(300);
  await lost.stop();
  await projected(system.world);
  await until(relaysUpTo, (published) => published);
  await putBack(system.world);
  return kept;
}

const relaysUpTo = async () => {
  const { rows } = await system.world.owner.query('SELECT position FROM event_log.head');
  const position = rows[0].position as number;
  const states = await Promise.all(system.apis.map(relay));
  return states.some((state) => state.state === 'relaying' && state.position === position);
};

interface RelayState {
  readonly state: string;
  readonly position?: number;
  readonly reason?: string;
}

const relay = async (api: System['apis'][0]) =>
  (await api.service.get('/health/ready')).body.relay as RelayState;

const refused = () =>
  until(
    async () => (await Promise.all(system.apis.map(relay))).find(({ state }) => state === 'refused'),
    Boolean,
  );

async function newEpoch(): Promise<void> {
  const { DATABASE_URL, NATS_URL } = system.world.variables as Record<string, string>;
  const command = startCommand('sessions-api/src/epoch/new-epoch.js', ['--yes'], {
    DATABASE_URL: DATABASE_URL!,
    NATS_URL: NATS_URL!,
  });
  expect(await command.ended).toMatchObject({ exit: 0 });
}

describe('a log that is put back to an older copy', () => {
  it('while everything runs: the relay refuses, answers stay right, and a new epoch mends it', async () => {
    const before = await restored();
    expect((await refused())!.reason).toMatch(/^STREAM_(AHEAD_OF|DIFFERS_FROM)_LOG$/);
    expect(await answerProblems(before, system.apis, system.random)).toEqual([]);
    const after = system.load({ accounts: 60, book: before.book });
    await after.answered(500);
    await newEpoch();
    await after.answered(300);
    await system.agrees(after);
  });

  it('while nothing runs: the same at the start', async () => {
    const before = await restored();
    await Promise.all([...system.apis].map((api) => system.killApi(api)));
    await Promise.all([...system.projectors].map((projector) => system.killProjector(projector)));
    await Promise.all([system.addApi(), system.addApi(), system.addProjector()]);
    await refused();
    expect(await answerProblems(before, system.apis, system.random)).toEqual([]);
    const after = system.load({ accounts: 60, book: before.book });
    await after.answered(200);
    await newEpoch();
    await after.answered(200);
    await system.agrees(after);
  });
});
