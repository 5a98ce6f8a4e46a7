import { createServer } from 'node:net';

/** A port that is free on 127.0.0.1 at this moment; another process can take it before it is used. */
export function freePort(): Promise<number> {
  return listenAndClose(0, '127.0.0.1');
}

/** The code of the system's error when listening there fails. */
export function listenError(port: number, host: string): Promise<string | undefined> {
  return listenAndClose(port, host).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error.code,
  );
}

function listenAndClose(port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : port));
    });
  });
}
