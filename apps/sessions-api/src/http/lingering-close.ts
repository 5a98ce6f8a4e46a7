import type { Server } from 'node:http';
import type { Socket } from 'node:net';

const LINGER_MS = 5_000;

/**
 * A connection that we close is read until the other side closes it too, for 5 s at most (RFC 9112, section 9.6). Node
 * closes it with what has come and was not read: that resets it, and takes the last answers from whoever still sends or
 * has not read them.
 */
export function lingerOnClose(server: Server): void {
  server.on('connection', (socket: Socket) => {
    socket.destroySoon = () => linger(socket);
  });
}

function linger(socket: Socket): void {
  socket.end(() => {
    const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
    socket.once('close', () => clearTimeout(timer));
  });
  socket.resume();
}
