import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { tieToLifeOfThisProcess } from '../../../stack/src/life-line.js';

export interface SubscriberAnswer {
  readonly verdict: boolean | string;
  readonly staleness: number;
}

/** A service in a process of its own, ready. */
export async function startSubscriber(natsUrl: string, maxStaleness: number) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'subscriber.mjs')], {
    env: { PATH: process.env.PATH, NATS_URL: natsUrl, MAX_STALENESS: String(maxStaleness) },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lifeLine = tieToLifeOfThisProcess(child.pid!, 'SIGKILL');
  const exited = once(child, 'exit').finally(() => lifeLine.cut());
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value as string) as SubscriberAnswer;
  await next();
  const ask = (question: object) => void child.stdin.write(`${JSON.stringify(question)}\n`);
  return {
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    /** Asks now; the answer comes when the process runs. */
    asks(sessionId: string): Promise<SubscriberAnswer> {
      ask({ ask: sessionId });
      return next();
    },
    /** As soon as it says of itself that it is ready. */
    asksWhenReady(sessionId: string): Promise<SubscriberAnswer> {
      ask({ ask: sessionId, afterReady: true });
      return next();
    },
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
