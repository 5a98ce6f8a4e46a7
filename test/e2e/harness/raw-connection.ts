import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  /** Names in lower case; of several values the last. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** A TCP connection to an HTTP server: sends exactly the bytes that it is given, however wrong they are as HTTP. */
export class RawConnection {
  /** Resolves with the milliseconds that it was open. */
  readonly closed: Promise<number>;
  isClosed = false;
  private received = Buffer.alloc(0);
  private wake = () => {};

  private constructor(private readonly socket: Socket) {
    const openedAt = performance.now();
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.wake();
    });
    this.closed = new Promise((resolve) =>
      socket.once('close', () => {
        this.isClosed = true;
        this.wake();
        resolve(performance.now() - openedAt);
      }),
    );
  }

  static async open(url: string, localAddress?: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), localAddress });
    await once(socket, 'connect');
    return new RawConnection(socket);
  }

  /** What has come of an answer that is not complete. */
  get pending(): string {
    return this.received.toString('latin1');
  }

  write(bytes: string | Buffer): void {
    this.socket.write(bytes);
  }

  /**
   * The next answer; `isHead` when it has no body whatever its headers say. Undefined when the connection ends before it
   * is complete, or nothing has come for `patience` milliseconds.
   */
  async next({ isHead = false, patience = 10_000 } = {}): Promise<RawAnswer | undefined> {
    for (;;) {
      const parsed = parse(this.received, isHead, this.isClosed);
      if (parsed) {
        this.received = this.received.subarray(parsed.length);
        if (parsed.answer.status >= 200) return parsed.answer;
        continue;
      }
      if (this.isClosed || !(await this.moreWithin(patience))) return undefined;
    }
  }

  /** Reads nothing until `resume`. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  destroy(): void {
    this.socket.destroy();
  }

  private moreWithin(milliseconds: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.wake(), milliseconds);
      const before = this.received.length;
      this.wake = () => {
        clearTimeout(timer);
        this.wake = () => {};
        resolve(this.received.length > before || this.isClosed);
      };
    });
  }
}

function parse(bytes: Buffer, isHead: boolean, isComplete: boolean) {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd === -1) return undefined;
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
  if (!status) throw new Error(`this is no answer: ${statusLine}`);
  const headers = Object.fromEntries(
    lines.map((line) => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  );
  const rest = bytes.subarray(headEnd + 4);
  const body =
    isHead || status < 200 || status === 204 || status === 304
      ? { text: '', length: 0 }
      : headers['transfer-encoding'] === 'chunked'
        ? chunkedBody(rest)
        : headers['content-length'] === undefined
          ? isComplete && { text: rest.toString(), length: rest.length }
          : sizedBody(rest, Number(headers['content-length']));
  return body
    ? { answer: { status, headers, text: body.text }, length: headEnd + 4 + body.length }
    : undefined;
}

const sizedBody = (bytes: Buffer, length: number) =>
  bytes.length >= length && { text: bytes.toString('utf8', 0, length), length };

function chunkedBody(bytes: Buffer) {
  const chunks: Buffer[] = [];
  for (let at = 0; ;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd === -1) return undefined;
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    const next = lineEnd + 2 + size + 2;
    if (bytes.length < next) return undefined;
    if (size === 0) return { text: Buffer.concat(chunks).toString(), length: next };
    chunks.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = next;
  }
}
