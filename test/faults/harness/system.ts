import { type Api, World } from '../../e2e/harness/world.js';
import type { AppProcess } from '../../e2e/harness/app-process.js';
import { until } from '../../harness/until.js';
import { expectAgreement } from './agreement.js';
import { Load, type LoadOptions } from './load.js';
import { Random, SEED } from './random.js';

/** Real processes under load, to which things happen. */
export class System {
  readonly random = new Random(SEED);
  /** Those that clients know of: change it when one comes or goes. */
  readonly apis: Api[] = [];
  readonly projectors: AppProcess[] = [];

  private readonly loads: Load[] = [];

  private constructor(readonly world: World) {}

  static async start({ apis = 1, projectors = 1, world = World.create() } = {}): Promise<System> {
    const system = new System(await world);
    await Promise.all([
      ...Array.from({ length: apis }, () => system.addApi()),
      ...Array.from({ length: projectors }, () => system.addProjector()),
    ]);
    return system;
  }

  async addApi(variables: Readonly<Record<string, string>> = {}): Promise<Api> {
    const api = await this.world.startApi({ RATE_LIMIT_PER_MINUTE: '0', ...variables });
    this.apis.push(api);
    return api;
  }

  /** Clients ask it no more, as behind a balancer that has noticed. */
  forget(api: Api): void {
    this.apis.splice(this.apis.indexOf(api), 1);
  }

  async killApi(api: Api): Promise<void> {
    this.forget(api);
    await api.kill();
  }

  async addProjector(variables: Readonly<Record<string, string>> = {}): Promise<AppProcess> {
    const projector = await this.world.startProjector(variables);
    this.projectors.push(projector);
    return projector;
  }

  async killProjector(projector: AppProcess): Promise<void> {
    this.projectors.splice(this.projectors.indexOf(projector), 1);
    await projector.kill();
  }

  /** The process that relays at the moment. */
  async relayLeader(): Promise<Api> {
    const leader = async () => {
      const states = await Promise.all(
        this.apis.map(async (api) => (await api.service.get('/health/ready')).body?.relay?.state as string),
      );
      return this.apis[states.indexOf('relaying')];
    };
    return (await until(leader, Boolean))!;
  }

  load(options: Partial<LoadOptions> = {}): Load {
    const load = new Load({ apis: this.apis, random: this.random, ...options });
    this.loads.push(load);
    return load;
  }

  /** Ends the load, and compares everything that must agree. Says what there was. */
  async agrees(load: Load): Promise<void> {
    await load.stop();
    const { events, commands, failures } = await expectAgreement(this.world, load, this.apis, this.random);
    console.log(`seed ${SEED}: ${commands} commands, ${failures} failed attempts, ${events} events agree`);
  }

  async stop(): Promise<void> {
    await Promise.all(this.loads.map((load) => load.abandon()));
    await this.world.stop();
  }
}
