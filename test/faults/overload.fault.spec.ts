import { readFile } from 'node:fs/promises';
import { createClient } from '#event-log/connection.js';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startNats } from '../harness/nats.js';
import { type OwnPostgres, startOwnPostgres } from '../e2e/harness/own-postgres.js';
import { expectProblem } from '../e2e/harness/problem.js';
import { operatorPath } from '../e2e/harness/sessions.js';
import { type Api, World } from '../e2e/harness/world.js';
import type { Load } from './harness/load.js';
import { System } from './harness/system.js';

const CLIENTS = 400;
/** More than go into one group. */
const BURST = 2_500;
/** What docs/operations.md states; a busy machine gets some more before it counts as broken. */
const ANSWERED_MS = 15_000 + 5_000;
/** Some four times what a process needs that rests. */
const MAX_MEMORY_MB = 512;

let postgres: OwnPostgres;
let system: System;
let api: Api;
let load: Load;

beforeEach(async () => {
  postgres = await startOwnPostgres();
  const world = startNats().then((nats) => World.on(postgres, nats));
  system = await System.start({ world });
  [api] = system.apis as [Api];
  load = system.load({ clients: CLIENTS, accounts: 1_000 });
});
afterEach(() => system.stop());

describe(`${CLIENTS} clients that send faster than the log commits`, () => {
  it('get 503 while the head is locked, lists all the while, and their answers afterwards', async () => {
    await load.answered(CLIENTS);
    const lock = await lockHead();
    await load.failed(CLIENTS);
    expect((await api.service.get(operatorPath('ada'))).status).toBe(200);
    const issue = (_: unknown, i: number) =>
      answers503(() => api.service.post('/api/sessions', { accountId: `burst-${i}` }));
    const tookMs = Math.max(...(await Promise.all(Array.from({ length: BURST }, issue))));
    console.log(`${BURST} more commands were answered 503 after ${tookMs} ms at most`);
    expect(tookMs).toBeLessThan(ANSWERED_MS);
    await lock.release();
    await load.answered(2 * CLIENTS);
    await staysSmall();
    await system.agrees(load);
  });

  it('get 503 while PostgreSQL is frozen, and their answers afterwards', async () => {
    await load.answered(CLIENTS);
    await postgres.freeze();
    await load.failed(2 * CLIENTS);
    const tookMs = await answers503(() => api.service.get(operatorPath('ada')));
    console.log(`a list was answered 503 after ${tookMs} ms`);
    expect(tookMs).toBeLessThan(ANSWERED_MS);
    postgres.thaw();
    await load.answered(2 * CLIENTS);
    await staysSmall();
    await system.agrees(load);
  });

  async function lockHead() {
    const client = createClient(postgres.ownerUrl);
    client.on('error', () => undefined);
    await client.connect();
    await client.query('BEGIN');
    await client.query('SELECT FROM event_log.head FOR UPDATE');
    return { release: () => client.end() };
  }

  async function answers503(ask: () => ReturnType<Api['service']['get']>): Promise<number> {
    const began = performance.now();
    const answer = await ask();
    expect(answer.body?.code).toMatch(/^LOG_(BUSY|UNAVAILABLE)$/);
    expectProblem(answer, { status: 503, code: answer.body.code as string });
    return Math.round(performance.now() - began);
  }

  async function staysSmall(): Promise<void> {
    const status = await readFile(`/proc/${api.pid}/status`, 'utf8');
    const megabytes = (name: string) =>
      Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)![1]) / 1_024);
    console.log(`the API holds ${megabytes('VmRSS')} MB, ${megabytes('VmHWM')} MB at most`);
    expect(megabytes('VmHWM')).toBeLessThan(MAX_MEMORY_MB);
  }
});
