import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startNatsServer, type NatsServer } from '../../stack/src/nats-server.js';

export interface TestNats {
  /** Stays the same over a restart. Of a cluster: those of all servers, separated by commas. */
  readonly url: string;
  readonly storeDir: string;
  readonly stop: () => Promise<void>;
  /** SIGKILL. */
  readonly kill: () => Promise<void>;
  readonly freeze: () => void;
  readonly thaw: () => void;
  /** Again on the same port and store. */
  readonly start: () => Promise<void>;
  /** Stops it and removes its store. */
  readonly remove: () => Promise<void>;
}

/**
 * A nats-server with JetStream for one test file. `extraConfig`: in the syntax of its configuration file; `ca`: who signed its
 * certificate, in PEM, where that has it speak TLS.
 */
export async function startNats(extraConfig = '', ca?: string): Promise<TestNats> {
  const storeDir = await mkdtemp(join(process.env.SIGNOFF_TEST_FOLDER!, 'nats-'));
  let server: NatsServer = await startNatsServer({ storeDir, extraConfig, ca });
  const { port, url } = server;
  return {
    url,
    storeDir,
    stop: () => server.stop(),
    async kill() {
      process.kill(server.pid, 'SIGKILL');
      await server.exited;
    },
    freeze: () => void process.kill(server.pid, 'SIGSTOP'),
    thaw: () => void process.kill(server.pid, 'SIGCONT'),
    async start() {
      server = await startNatsServer({ storeDir, port, extraConfig, ca });
    },
    async remove() {
      await server.stop();
      await rm(storeDir, { recursive: true, force: true });
    },
  };
}
