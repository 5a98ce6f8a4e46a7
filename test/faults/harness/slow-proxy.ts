import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface SlowProxy {
  readonly url: string;
  /** Everything gets to the other side so much later than it came; may be changed at any time. */
  delayMs: number;
  close(): Promise<void>;
}

/** Stands between clients and a server, and passes everything on late, in order. */
export async function startSlowProxy(targetUrl: string): Promise<SlowProxy> {
  const target = new URL(targetUrl);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect({ host: target.hostname, port: Number(target.port) });
    for (const [source, sink] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(source.setNoDelay(true));
      let before = Promise.resolve();
      const later = (pass: () => void) => {
        const due = performance.now() + proxy.delayMs;
        before = before.then(() => sleep(Math.max(0, due - performance.now()))).then(pass);
      };
      source.on('error', () => undefined);
      source.on('data', (chunk) => later(() => sink.write(chunk)));
      source.on('close', () => {
        sockets.delete(source);
        later(() => sink.destroy());
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(targetUrl);
  url.port = String((server.address() as AddressInfo).port);
  const proxy: SlowProxy = {
    url: url.href,
    delayMs: 0,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  return proxy;
}
