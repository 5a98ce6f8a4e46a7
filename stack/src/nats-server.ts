import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { connect } from '@nats-io/transport-node';
import { type Child, describeExit, type Exit, startChild } from './child.js';
import { freePort } from './free-port.js';
import { findNatsServer } from './nats-binary.js';

export interface NatsServerOptions {
  /** Made on first use; the streams in it are continued with afterwards. */
  readonly storeDir: string;
  /** A free one unless given. */
  readonly port?: number;
  /** Path of `nats-server`; found (or installed) unless given. */
  readonly binary?: string;
  /** Of this server in a cluster; stays the same for a store unless given. */
  readonly name?: string;
  /** Appended to the configuration file, in its syntax. */
  readonly extraConfig?: string;
  /** Who signed its certificate, in PEM, where that has it speak TLS. */
  readonly ca?: string;
  readonly say?: (line: string) => void;
}

export interface NatsServer {
  readonly port: number;
  readonly url: string;
  readonly pid: number;
  readonly exited: Promise<Exit>;
  logTail(): Promise<string>;
  stop(): Promise<void>;
}

const patience = 30_000;

/** Resolves when the server takes connections on 127.0.0.1, JetStream on. */
export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  const storeDir = resolve(options.storeDir);
  const binary = options.binary ?? (await findNatsServer(options.say ?? (() => {})));
  await mkdir(storeDir, { recursive: true, mode: 0o700 });
  await refuseWhenInUse(storeDir);
  const name = options.name ?? `signoff-${createHash('sha256').update(storeDir).digest('hex').slice(0, 12)}`;

  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort());
    const child = await launch({ ...options, storeDir, binary, name, port });
    // By name: of an address, the client looks for a certificate of localhost all the same.
    const url = options.ca ? `tls://localhost:${port}` : `nats://127.0.0.1:${port}`;
    const failure = await readyOrFailure(child, url, name, options.ca);
    if (!failure) return { ...child, port, url };

    const portWasTaken = /address already in use/.test(failure.log);
    if (portWasTaken && options.port) throw new Error(`Port ${port}, meant for nats-server, is taken`);
    if (!portWasTaken || attempt === 5) throw failure.error;
  }
}

async function launch(
  options: NatsServerOptions & { binary: string; name: string; port: number },
): Promise<Child> {
  const { binary, storeDir, name, port, extraConfig = '' } = options;
  const configFile = configFileOf(storeDir);
  const config = [
    'host: "127.0.0.1"',
    `port: ${port}`,
    `server_name: ${JSON.stringify(name)}`,
    `pid_file: ${JSON.stringify(pidFileOf(storeDir))}`,
    `jetstream { store_dir: ${JSON.stringify(storeDir)} }`,
    extraConfig,
  ];
  await writeFile(configFile, config.join('\n') + '\n', { mode: 0o600 });
  return startChild({
    command: binary,
    args: ['-c', configFile],
    env: { PATH: process.env.PATH },
    cwd: storeDir,
    logFile: join(storeDir, 'nats-server.log'),
    stopSignals: [['SIGTERM', 15_000]],
  });
}

async function readyOrFailure(
  child: Child,
  url: string,
  name: string,
  ca?: string,
): Promise<{ error: Error; log: string } | undefined> {
  let exit: Exit | undefined;
  void child.exited.then((value) => (exit = value));
  const giveUpAt = Date.now() + patience;
  while (!exit && Date.now() < giveUpAt) {
    try {
      const tls = ca ? { tls: { ca } } : {};
      const connection = await connect({ servers: url, reconnect: false, timeout: 2_000, ...tls });
      const info = connection.info as unknown as { server_name: string; jetstream?: boolean };
      await connection.close();
      if (info.jetstream && info.server_name === name) return undefined;
    } catch {
      // Not listening yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await child.stop();
  const log = await child.logTail();
  return { error: new Error(`nats-server ${describeExit(await child.exited)}:\n${log}`), log };
}

/** The server itself lets two processes write to one store. */
async function refuseWhenInUse(storeDir: string): Promise<void> {
  const pid = Number(await readFile(pidFileOf(storeDir), 'utf8').catch(() => ''));
  const giveUpAt = Date.now() + 3_000;
  while (pid > 0) {
    const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (!commandLine.includes(configFileOf(storeDir))) return;
    if (Date.now() > giveUpAt) {
      throw new Error(`The store ${storeDir} is in use by a running nats-server (process ${pid})`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function configFileOf(storeDir: string): string {
  return join(storeDir, 'nats-server.conf');
}

function pidFileOf(storeDir: string): string {
  return join(storeDir, 'nats-server.pid');
}
