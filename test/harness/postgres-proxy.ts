import { once } from 'node:events';
import { createServer, connect, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/** One message of PostgreSQL's protocol, without its length. The first of a connection has no type. */
export interface WireMessage {
  readonly from: 'client' | 'server';
  readonly type: string;
  readonly text: string;
}

type Action = 'cut' | 'freeze' | 'delay';

export interface PostgresProxy {
  readonly url: string;
  /**
   * Lies in wait for a message. `cut` ends the connection before the message is passed on; `freeze` stops passing anything
   * on in that connection, as if its client's process were stopped; `delay` ends it for the client, while the message still
   * is on its way to the server. Both last until the thaw. Once; resolves when it happens.
   */
  trap(matches: (message: WireMessage) => boolean, action: Action): Promise<void>;
  thaw(): void;
  /** Ends the next `count` connections as soon as they are made. */
  refuse(count: number): void;
  close(): Promise<void>;
}

export const isCommit = ({ from, type, text }: WireMessage) =>
  from === 'client' && type === 'Q' && text === 'COMMIT\0';

export const isCommitsAnswer = ({ from, type, text }: WireMessage) =>
  from === 'server' && type === 'C' && text === 'COMMIT\0';

/** A statement that is prepared under `name`, or run again under it. */
export const isStatement =
  (name: string) =>
  ({ from, type, text }: WireMessage) =>
    from === 'client' &&
    ((type === 'P' && text.startsWith(`${name}\0`)) || (type === 'B' && text.startsWith(`\0${name}\0`)));

/** Stands between a client and PostgreSQL, message by message. */
export async function startPostgresProxy(targetUrl: string): Promise<PostgresProxy> {
  const target = new URL(targetUrl);
  const sockets = new Set<Socket>();
  let trapped: {
    matches: (message: WireMessage) => boolean;
    action: Action;
    sprung: () => void;
  } | null = null;
  let refusals = 0;
  let thaw = () => {};

  const server = createServer((client) => {
    if (refusals > 0) {
      refusals--;
      client.destroy();
      return;
    }
    const upstream = connect({ host: target.hostname, port: Number(target.port) });
    const pair = [client, upstream];
    for (const socket of pair) {
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        if (!frozen) for (const other of pair) other.destroy();
      });
    }
    let frozen = false;
    const held: (() => void)[] = [];

    /** False when the message must not be passed on. */
    const passes = (message: WireMessage): boolean => {
      if (!trapped?.matches(message)) return true;
      const { action, sprung } = trapped;
      trapped = null;
      if (action === 'cut') {
        for (const socket of pair) socket.destroy();
      } else {
        frozen = true;
        if (action === 'delay') client.destroy();
        thaw = () => {
          frozen = false;
          for (const pass of held.splice(0)) pass();
          // What was passed on just now still gets there.
          if (pair.some(({ destroyed }) => destroyed)) for (const socket of pair) socket.end();
        };
      }
      sprung();
      return action !== 'cut';
    };
    const relay = (from: 'client' | 'server', source: Socket, sink: Socket) => {
      const split = messageSplitter(from === 'client');
      source.on('data', (chunk) => {
        for (const bytes of split(chunk)) {
          const typed = from === 'server' || bytes[0] !== 0;
          const type = typed ? String.fromCharCode(bytes[0]!) : '';
          const text = bytes.toString('latin1', typed ? 5 : 4);
          if (!frozen && (source.destroyed || !passes({ from, type, text }))) return;
          const pass = () => sink.write(bytes);
          if (frozen) held.push(pass);
          else pass();
        }
      });
    };
    relay('client', client, upstream);
    relay('server', upstream, client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const url = new URL(targetUrl);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    trap: (matches, action) => new Promise((resolve) => (trapped = { matches, action, sprung: resolve })),
    thaw: () => thaw(),
    refuse: (count) => void (refusals = count),
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Cuts a byte stream into whole messages: a type byte, but for a client's first one, then a length that counts itself. */
function messageSplitter(firstIsUntyped: boolean): (chunk: Buffer) => Buffer[] {
  let rest = Buffer.alloc(0);
  let untyped = firstIsUntyped;
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    const messages: Buffer[] = [];
    for (;;) {
      const lengthAt = untyped ? 0 : 1;
      if (rest.length < lengthAt + 4) return messages;
      const size = lengthAt + rest.readUInt32BE(lengthAt);
      if (rest.length < size) return messages;
      messages.push(rest.subarray(0, size));
      rest = rest.subarray(size);
      untyped = false;
    }
  };
}
