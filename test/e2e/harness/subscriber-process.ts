import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { tieToLifeOfThisProcess } from '../../../stack/src/life-line.js';

export interface SubscriberAnswer {
  readonly verdict: boolean | string;
  readonly staleness: number;
}

/** What a subscriber answered about a session that it watches. */
export interface History {
  readonly sessionId: string;
  /** How often it was accepted, and when last: milliseconds of the clock of `monotonic`. */
  readonly accepted: number;
  readonly lastAcceptedAt: number;
  /** The highest position up to which it claimed to hold everything while it accepted it. */
  readonly positionThen: number;
  /** Each answer that was not the same as the one before. */
  readonly answers: readonly (boolean | string)[];
}

export type SubscriberProcess = Awaited<ReturnType<typeof startSubscriber>>;

/** A service in a process of its own, ready. Of the library's names for it `instance` may be left to the library. */
export async function startSubscriber(
  natsUrl: string,
  maxStaleness: number,
  { service = 'billing', instance }: { service?: string; instance?: string } = {},
) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'subscriber.mjs')], {
    env: {
      PATH: process.env.PATH,
      NATS_URL: natsUrl,
      MAX_STALENESS: String(maxStaleness),
      SERVICE: service,
      ...(instance !== undefined && { INSTANCE: instance }),
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lifeLine = tieToLifeOfThisProcess(child.pid!, 'SIGKILL');
  const exited = once(child, 'exit').finally(() => lifeLine.cut());
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value as string) as unknown;
  await next();
  const ask = <Answer>(question: object) => {
    child.stdin.write(`${JSON.stringify(question)}\n`);
    return next() as Promise<Answer>;
  };
  return {
    name: `${service}/${instance}`,
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    /** Asks now; the answer comes when the process runs. */
    asks: (sessionId: string) => ask<SubscriberAnswer>({ ask: sessionId }),
    /** As soon as it says of itself that it is ready. */
    asksWhenReady: (sessionId: string) => ask<SubscriberAnswer>({ ask: sessionId, afterReady: true }),
    /** As soon as it says of itself that it is ready, and from then on again and again. */
    watches: (sessionId: string) => ask<boolean | string>({ watch: sessionId }),
    histories: () => ask<History[]>({ report: true }),
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    async stop() {
      child.kill('SIGCONT');
      child.stdin.end();
      const [code] = (await exited) as [number | null];
      if (code !== 0) throw new Error(`the subscriber ended with ${code}`);
    },
  };
}
