import { RawConnection } from '../harness/raw-connection.js';
import { framed, MISFRAMINGS, type Written } from './framing.js';
import type { Judge, Sent } from './judge.js';
import type { HostileRequest } from './request.js';

const CONNECTIONS = 16;
const MISFRAMED_AT_ONCE = 64;
const PIPELINED = [1, 1, 2, 4];
const GIVE_UP_MS = 15_000;
/** By then Node has answered what it can make something of. */
const QUIET_MS = 250;

let sent = 0;

/** Each gets an id of its own, unless it brings one: by that its answer and its events are known. */
const identified = (request: HostileRequest) => {
  const id = request.headers.some(([name]) => name === 'X-Request-Id') ? undefined : `hostile-${sent++}`;
  return id === undefined ? { request, id } : { request: withHeader(request, 'X-Request-Id', id), id };
};

const withHeader = (request: HostileRequest, name: string, value: string): HostileRequest => ({
  ...request,
  headers: [...request.headers, [name, value]],
});

const write = ({ cast }: Judge, request: HostileRequest): Written => {
  const isJson = request.headers.some(([name, value]) => name === 'Content-Type' && value.includes('json'));
  return {
    method: request.method,
    target: cast.fill(request.target),
    headers: request.headers.map(([name, value]) => [name, cast.fill(value)] as const),
    body:
      request.body === undefined ? undefined : Buffer.from(cast.fill(request.body, isJson), request.encoding),
  };
};

const principalOf = ({ cast }: Judge, { headers }: HostileRequest) =>
  cast.principalOf(headers.find(([name]) => name.toLowerCase() === 'authorization')?.[1]);

/** Sends them as HTTP, over several connections at once and some of them in pipelines. */
export async function sendAll(url: string, requests: readonly HostileRequest[], judge: Judge): Promise<void> {
  const queue = [...requests];
  let batches = 0;
  const work = async () => {
    let connection = await RawConnection.open(url);
    while (queue.length > 0) {
      const batch = queue.splice(0, PIPELINED[batches++ % PIPELINED.length]);
      if (connection.isClosed) connection = await RawConnection.open(url);
      const sent = batch.map((one): Sent => {
        const { request, id } = identified(one);
        const bytes = framed(write(judge, request), request.isChunked);
        return { request: one, id, principal: principalOf(judge, request), bytes };
      });
      connection.write(Buffer.concat(sent.map(({ bytes }) => bytes)));
      const unanswered = await readAnswers(connection, sent, judge);
      queue.unshift(...unanswered.map(({ request }) => request));
      if (unanswered.length > 0) connection.destroy();
    }
    connection.destroy();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, work));
}

/** Returns those behind an answer that closed the connection: they were not carried out. */
async function readAnswers(
  connection: RawConnection,
  sent: readonly Sent[],
  judge: Judge,
): Promise<readonly Sent[]> {
  for (const [i, one] of sent.entries()) {
    const answer = await connection.next({ isHead: one.request.method === 'HEAD', patience: GIVE_UP_MS });
    if (!answer) {
      judge.unanswered(one, connection.pending, connection.isClosed);
      return sent.slice(i + 1);
    }
    judge.answered(one, answer);
    if (answer.headers.connection === 'close') {
      await connection.closed;
      return sent.slice(i + 1);
    }
  }
  return [];
}

/** Sends requests whose end is not where it seems to be, each followed by one that must not be carried out. */
export async function sendMisframed(
  url: string,
  requests: readonly HostileRequest[],
  judge: Judge,
): Promise<void> {
  const queue = requests.map(
    (request, i) => [withoutCredential(request), MISFRAMINGS[i % MISFRAMINGS.length]!] as const,
  );
  const work = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const [request, misframe] = next;
      const connection = await RawConnection.open(url);
      const bytes = misframe(write(judge, request), hiddenIn(judge));
      connection.write(bytes);
      for (;;) {
        const answer = await connection.next({ isHead: request.method === 'HEAD', patience: QUIET_MS });
        if (!answer) break;
        judge.answered({ request, id: undefined, bytes, principal: undefined }, answer);
      }
      connection.destroy();
    }
  };
  await Promise.all(Array.from({ length: MISFRAMED_AT_ONCE }, work));
}

/** So that nothing can be accepted but what hides. */
const withoutCredential = (request: HostileRequest): HostileRequest => ({
  ...request,
  headers: request.headers.filter(([name]) => name.toLowerCase() !== 'authorization'),
  body: undefined,
});

const hiddenIn = ({ cast }: Judge) =>
  Buffer.from(
    cast.fill(
      'DELETE /api/accounts/<<account-in-path:0>>/sessions HTTP/1.1\r\nHost: signoff.test\r\nAuthorization: Bearer <<bootstrap:0>>\r\n\r\n',
    ),
  );
