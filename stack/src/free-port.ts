import { createServer } from 'node:net';

/** A port that is free on 127.0.0.1 at this moment; another process can take it before it is used. */
export function freePort(): Promise<number> {
  return bind(0);
}

export async function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return bind(port, host).then(
    () => true,
    () => false,
  );
}

function bind(port: number, host = '127.0.0.1'): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : port));
    });
  });
}
