import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** What happens to a message on its way, to the client or from it: how often it arrives, and after how many milliseconds each time. */
export type Fate = readonly number[];

export interface NatsProxy {
  readonly url: string;
  /** Decides about each message by its subject; an answer has that of an inbox. */
  fateOf: (subject: string) => Fate;
  close(): Promise<void>;
}

/** At once, and once. */
export const PASS: Fate = [0];
export const DROP: Fate = [];

/** Stands between a client and a nats-server, message by message. */
export async function startNatsProxy(targetUrl: string): Promise<NatsProxy> {
  const target = new URL(targetUrl);
  const sockets = new Set<Socket>();
  const proxy: Pick<NatsProxy, 'fateOf'> = { fateOf: () => PASS };
  const server = createServer((client) => {
    const upstream = connect({ host: target.hostname, port: Number(target.port) });
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    const relay = (source: Socket, sink: Socket) => {
      const split = frameSplitter();
      source.on('data', (chunk) => {
        for (const { subject, bytes } of split(chunk)) {
          for (const delay of subject === undefined ? PASS : proxy.fateOf(subject)) {
            if (delay === 0) sink.write(bytes);
            else setTimeout(() => sink.writable && sink.write(bytes), delay);
          }
        }
      });
    };
    relay(client, upstream);
    relay(upstream, client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(proxy, {
    url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  });
}

interface Frame {
  /** Of a message; undefined for anything else that is said. */
  readonly subject: string | undefined;
  readonly bytes: Buffer;
}

/** Cuts a byte stream into lines, and messages with what they carry (the size is the last word). */
function frameSplitter(): (chunk: Buffer) => Frame[] {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    const frames: Frame[] = [];
    for (;;) {
      const lineEnd = rest.indexOf('\r\n');
      if (lineEnd < 0) return frames;
      const words = rest.toString('latin1', 0, lineEnd).split(' ');
      const isMessage = /^H?(MSG|PUB)$/.test(words[0]!);
      const size = lineEnd + 2 + (isMessage ? Number(words.at(-1)) + 2 : 0);
      if (rest.length < size) return frames;
      frames.push({ subject: isMessage ? words[1] : undefined, bytes: rest.subarray(0, size) });
      rest = rest.subarray(size);
    }
  };
}
