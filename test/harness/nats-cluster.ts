import { freePort } from '../../stack/src/free-port.js';
import { startNats, type TestNats } from './nats.js';

/** What is done to it is done to all its servers. */
export interface TestCluster extends TestNats {
  readonly servers: readonly TestNats[];
}

/** nats-servers that hold streams together. It has a quorum as long as more than half of them are there. */
export async function startNatsCluster(size = 3): Promise<TestCluster> {
  const ports: number[] = [];
  while (ports.length < size) ports.push(await freePort());
  const routes = ports.map((port) => `nats://127.0.0.1:${port}`);
  const servers = await Promise.all(
    ports.map((port) =>
      startNats(
        `cluster { name: "signoff", listen: "127.0.0.1:${port}", routes: ${JSON.stringify(routes)} }`,
      ),
    ),
  );
  const all = (act: (server: TestNats) => Promise<void>) => async () =>
    void (await Promise.all(servers.map(act)));
  return {
    servers,
    url: servers.map(({ url }) => url).join(),
    storeDir: servers[0]!.storeDir,
    stop: all((server) => server.stop()),
    kill: all((server) => server.kill()),
    start: all((server) => server.start()),
    remove: all((server) => server.remove()),
    freeze: () => servers.forEach((server) => server.freeze()),
    thaw: () => servers.forEach((server) => server.thaw()),
  };
}
