import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { PROBLEM_TYPE, problemText, REQUEST_STATUS } from './problem.js';
import type { Refusal } from './refusals.js';
import type { RequestErrorCode } from './request-error.js';

const REFUSALS: Record<string, readonly [RequestErrorCode, string]> = {
  HPE_HEADER_OVERFLOW: ['HEADERS_TOO_LARGE', 'request line and headers are too large'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['BODY_TOO_LARGE', 'the chunk extensions are too large'],
  ERR_HTTP_REQUEST_TIMEOUT: ['REQUEST_TIMEOUT', 'the request did not arrive in time'],
};

const seen = new WeakSet<Socket>();

/**
 * Answers what Node's HTTP parser gives up on, which no route or filter ever sees, and closes the connection: after the
 * answers to requests that came whole before it on the same connection. `tell` hears of each.
 */
export function refuseUnreadable(
  error: NodeJS.ErrnoException,
  socket: Socket,
  tell: (refusal: Refusal) => void,
): void {
  if (error.code === 'ECONNRESET') socket.destroy();
  // Each further chunk of the same is another error.
  if (!socket.writable || seen.has(socket)) return;
  seen.add(socket);
  const [code, detail] = REFUSALS[error.code ?? ''] ?? [
    'REQUEST_MALFORMED',
    'this is not HTTP as it has to be',
  ];
  const refusal = { status: REQUEST_STATUS[code], code, requestId: randomUUID() };
  tell(refusal);
  afterAnswers(socket, () => {
    if (!socket.writable) return;
    socket.write(answerTo(refusal, detail));
    socket.destroySoon();
  });
}

/** The answer that Node is writing on a connection, or will write next. */
const answerOn = (socket: Socket) => Reflect.get(socket, '_httpMessage') as ServerResponse | null | undefined;

function afterAnswers(socket: Socket, then: () => void): void {
  const answer = answerOn(socket);
  if (answer?.req.complete) answer.once('close', () => afterAnswers(socket, then));
  // Of the request that is broken itself: where its answer has begun, there is no place for another.
  else if (answer?.headersSent) socket.destroySoon();
  else then();
}

function answerTo({ status, code, requestId }: Refusal, detail: string): string {
  const body = problemText({ status, code, detail });
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    'X-Content-Type-Options: nosniff',
    `X-Request-Id: ${requestId}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}
