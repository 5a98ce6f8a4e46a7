import { randomBytes } from 'node:crypto';
import { createPool } from '#event-log/connection.js';
import type { Pool } from 'pg';
import { createDatabase, type TestDatabase } from '../../harness/database.js';
import { startNats, type TestNats } from '../../harness/nats.js';
import { type AppProcess, startProcess } from './app-process.js';
import { Caller } from './call.js';

export interface Api extends AppProcess {
  readonly url: string;
  as(credential?: string): Caller;
  /** Holds the bootstrap key: every service scope. */
  readonly service: Caller;
}

type Variables = Readonly<Record<string, string>>;

/** A database, a nats-server and the processes that run on them: nothing is shared with another test file. */
export class World {
  readonly masterKey = randomBytes(32).toString('base64');
  readonly bootstrapKey = randomBytes(32).toString('base64url');
  private readonly processes: AppProcess[] = [];

  private constructor(
    readonly database: Omit<TestDatabase, 'drop'>,
    readonly nats: TestNats,
    /** A superuser's look behind the curtain. */
    readonly owner: Pool,
    private readonly dropDatabase: () => Promise<void>,
  ) {}

  static async create(): Promise<World> {
    const [database, nats] = await Promise.all([createDatabase(), startNats()]);
    return World.on(database, nats);
  }

  static on({ ownerUrl, appUrl, drop }: TestDatabase, nats: TestNats): World {
    return new World({ ownerUrl, appUrl }, nats, createPool(ownerUrl, { max: 2 }), drop);
  }

  /** What every process is told; the port is whichever is free. */
  get variables(): Variables {
    return {
      NODE_ENV: 'test',
      PORT: '0',
      PROJECTOR_PORT: '0',
      DATABASE_URL: this.database.appUrl,
      NATS_URL: this.nats.url,
      MASTER_KEY: this.masterKey,
      BOOTSTRAP_SERVICE_KEY: this.bootstrapKey,
    };
  }

  async startApi(variables: Variables = {}): Promise<Api> {
    const app = await this.start('sessions-api', variables);
    const { url } = (await app.logged('api.listening')) as { url: string };
    return {
      ...app,
      url,
      as: (credential) => new Caller(url, credential),
      service: new Caller(url, this.bootstrapKey),
    };
  }

  async startProjector(variables: Variables = {}): Promise<AppProcess> {
    const app = await this.start('session-projector', variables);
    await app.logged('projector.started');
    return app;
  }

  /** Throws when any process that was not killed ends with anything but 0. */
  async stop(): Promise<void> {
    const ends = await Promise.allSettled(this.processes.map((one) => one.stop()));
    await this.owner.end();
    await Promise.all([this.nats.remove(), this.dropDatabase()]);
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  private async start(app: string, variables: Variables): Promise<AppProcess> {
    const started = await startProcess(app, { ...this.variables, ...variables });
    const forget = () => this.processes.splice(this.processes.indexOf(started), 1);
    const known = {
      ...started,
      kill: () => (forget(), started.kill()),
    };
    this.processes.push(started);
    return known;
  }
}
