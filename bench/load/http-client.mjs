import { once } from 'node:events';
import { connect } from 'node:net';

const CONTENT_LENGTH = /\r\ncontent-length: (\d+)/i;
const CHUNKED = /\r\ntransfer-encoding: chunked/i;

/** One connection that has one request under way at a time: `send` answers with status and body. */
export async function openConnection(port) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  let [text, waiting] = ['', null];
  socket.setEncoding('latin1').on('data', (chunk) => {
    text += chunk;
    const bodyFrom = text.indexOf('\r\n\r\n') + 4;
    if (bodyFrom < 4 || !waiting) return;
    const head = text.slice(0, bodyFrom);
    const isWhole = CHUNKED.test(head)
      ? text.endsWith('\r\n0\r\n\r\n')
      : text.length >= bodyFrom + Number(CONTENT_LENGTH.exec(head)?.[1] ?? 0);
    if (!isWhole) return;
    const answer = { status: Number(text.slice(9, 12)), body: text.slice(bodyFrom) };
    text = '';
    const { resolve } = waiting;
    waiting = null;
    resolve(answer);
  });
  socket.on('error', (error) => waiting?.reject(error));
  socket.on('close', () => waiting?.reject(new Error('the server has closed the connection')));
  return {
    /** A server may send connections away that nothing was asked on for a while. */
    isUsable: () => socket.readyState === 'open' && text === '',
    send: (request) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket.write(request);
      }),
    close: () => socket.destroy(),
  };
}

/** Sends each of these requests once, over 32 connections, and answers with what came back, in the same order. */
export async function sendAll(port, requests) {
  const answers = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(32, requests.length) }, async () => {
      const connection = await openConnection(port);
      while (next < requests.length) {
        const i = next++;
        answers[i] = await connection.send(requests[i]);
      }
      connection.close();
    }),
  );
  return answers;
}
