import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { tieToLifeOfThisProcess } from '../../../stack/src/life-line.js';
import { until } from '../../harness/until.js';
import { issue } from './sessions.js';
import { end } from './subscribers.js';
import type { Api, World } from './world.js';

interface Line {
  readonly canBeStopped?: true;
  readonly inHand?: string;
  readonly trouble?: 'failed' | 'dead-letter' | 'unreachable';
  readonly sessionId?: string;
  readonly tries?: number;
  readonly message?: string;
}

export type ShopProcess = Awaited<ReturnType<Shop['start']>>;

/** A service that keeps a record of each session in PostgreSQL, and runs in any number of processes. */
export class Shop {
  private readonly running = new Set<{ kill(): Promise<unknown> }>();

  private constructor(
    private readonly world: World,
    private readonly api: () => Api,
  ) {}

  static async open(world: World, api: () => Api): Promise<Shop> {
    await world.owner.query(`
      CREATE SCHEMA shop;
      CREATE TABLE shop.session (session_id text PRIMARY KEY, failures int NOT NULL);
      CREATE TABLE shop.call (session_id text NOT NULL, pid int NOT NULL)`);
    return new Shop(world, api);
  }

  /** `failures`: how often the record of each cannot be deleted. */
  async signIn(count: number, failures = 0): Promise<string[]> {
    const tokens = [];
    for (let i = 0; i < count; i++) tokens.push((await issue(this.api().service, 'ada')).token);
    await this.world.owner.query('INSERT INTO shop.session SELECT unnest($1::text[]), $2', [
      tokens,
      failures,
    ]);
    return tokens;
  }

  async end(tokens: readonly string[]): Promise<void> {
    for (const token of tokens) await end(this.api(), token);
  }

  async records(): Promise<string[]> {
    const { rows } = await this.world.owner.query('SELECT session_id FROM shop.session ORDER BY 1');
    return rows.map((row: { session_id: string }) => row.session_id);
  }

  async hasForgottenAll(withinMs?: number): Promise<void> {
    await until(
      () => this.records(),
      (left) => left.length === 0,
      withinMs,
    );
  }

  /** Of each session, how often somebody had it in hand. */
  async calls(): Promise<Map<string, number>> {
    const { rows } = await this.world.owner.query(
      'SELECT session_id, count(*)::int FROM shop.call GROUP BY 1',
    );
    return new Map(rows.map((row: { session_id: string; count: number }) => [row.session_id, row.count]));
  }

  start({ tries = 3, hold = false, service = 'shop' } = {}) {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'shared-store-process.mjs')], {
      env: {
        PATH: process.env.PATH,
        NATS_URL: this.world.nats.url,
        STORE_URL: this.world.database.ownerUrl,
        SERVICE: service,
        TRIES: String(tries),
        DELAY_MS: '50',
        ...(hold && { HOLD: '1' }),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lifeLine = tieToLifeOfThisProcess(child.pid!, 'SIGKILL');
    const exited = once(child, 'exit').finally(() => {
      lifeLine.cut();
      this.running.delete(started);
    });
    const lines: Line[] = [];
    createInterface(child.stdout).on('line', (line) => lines.push(JSON.parse(line) as Line));
    const started = {
      /** Each session that it had in hand, as often as it had it. */
      hands: () => lines.flatMap(({ inHand }) => inHand ?? []),
      troubles: (kind: Line['trouble']) => lines.filter(({ trouble }) => trouble === kind),
      freeze: () => void child.kill('SIGSTOP'),
      kill: async () => {
        child.kill('SIGKILL');
        await exited;
      },
      stop: async () => {
        await until(
          () => lines,
          (said) => said.some(({ canBeStopped }) => canBeStopped),
        );
        child.kill('SIGTERM');
        const [code] = (await exited) as [number | null];
        if (code !== 0) throw new Error(`a process of the shop ended with ${code}`);
      },
    };
    this.running.add(started);
    return started;
  }

  /** Those that hold what they have as well. */
  async killAll(): Promise<void> {
    await Promise.all([...this.running].map((one) => one.kill()));
  }
}
