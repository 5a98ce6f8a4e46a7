import { Agent, request, type IncomingHttpHeaders } from 'node:http';

const agent = new Agent({ keepAlive: true });

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The text as JSON, whatever it says; undefined when it is none. */
  readonly body: any;
}

export interface Sent {
  readonly headers?: Readonly<Record<string, string>>;
  /** Text and bytes go as they are, anything else as JSON. */
  readonly body?: unknown;
}

/** Whoever holds one credential (or none). Paths go out exactly as they are given: nothing is normalised. */
export class Caller {
  constructor(
    private readonly url: string,
    private readonly credential?: string,
  ) {}

  get(path: string, headers?: Sent['headers']): Promise<Answer> {
    return this.send('GET', path, { headers });
  }

  post(path: string, body: unknown, headers?: Sent['headers']): Promise<Answer> {
    return this.send('POST', path, { body, headers });
  }

  postForm(path: string, form: Record<string, string>): Promise<Answer> {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return this.send('POST', path, { body: new URLSearchParams(form).toString(), headers });
  }

  delete(path: string, sent?: Sent): Promise<Answer> {
    return this.send('DELETE', path, sent);
  }

  send(method: string, path: string, { headers = {}, body }: Sent = {}): Promise<Answer> {
    const { hostname, port } = new URL(this.url);
    const text = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const all = {
      ...(this.credential !== undefined && { authorization: `Bearer ${this.credential}` }),
      ...(text !== undefined && {
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(text)),
      }),
      ...headers,
    };
    return new Promise((resolve, reject) => {
      const outgoing = request({ hostname, port, method, path, headers: all, agent }, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const answer = Buffer.concat(chunks).toString();
          resolve({
            status: incoming.statusCode!,
            headers: incoming.headers,
            text: answer,
            body: parse(answer),
          });
        });
      });
      outgoing.on('error', reject);
      outgoing.end(text);
    });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
