import type { Server } from 'node:http';
import { Socket } from 'node:net';

/** Of one turn: whoever is answered first is not to wait for too many others. */
const MOST = 32;

/**
 * Writes the answers that get ready in one turn (those of requests whose look-ups shared a statement) one right after
 * another. Each by itself would wake whoever reads it, and find him asleep again when the next is ready.
 */
export function writeTogether(server: Server): void {
  const { uncork } = Socket.prototype;
  let ready: Socket[] = [];
  const write = () => {
    const sockets = ready;
    ready = [];
    for (const socket of sockets) uncork.call(socket);
  };
  server.on('connection', (socket: Socket) => {
    socket.uncork = () => {
      ready.push(socket);
      if (ready.length === 1) setImmediate(write);
      else if (ready.length === MOST) write();
    };
  });
  // To Node a connection rests as soon as its answer has ended, written or not.
  const { closeIdleConnections } = server;
  server.closeIdleConnections = () => {
    write();
    closeIdleConnections.call(server);
  };
}
