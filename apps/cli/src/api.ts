import { readEnvironment } from '#environment/environment.js';
import type { Command } from 'commander';
import { z } from 'zod';
import { CliError } from './cli-error.js';

const environment = z.object({
  SIGNOFF_URL: z
    .string()
    .refine((text) => /^https?:\/\/[^/]/.test(text) && URL.canParse(text), 'must be a URL of http or https')
    .default('http://127.0.0.1:3000'),
  SIGNOFF_KEY: z.string('is missing: a service key of the API'),
});

export interface ApiOptions {
  readonly url?: string;
  readonly key?: string;
  readonly json?: boolean;
}

/** The options of a command that asks the API. */
export const asksApi = (command: Command): Command =>
  command
    .option('--json', 'print the answer as JSON')
    .option('--url <url>', 'where the API is, instead of SIGNOFF_URL')
    .option('--key <key>', 'the service key, instead of SIGNOFF_KEY: others on this machine can see it');

export type Query = Readonly<Record<string, string | number | undefined>>;

/** The API as somebody with a service key sees it. What it refuses is a `CliError` with its code. */
export class Api {
  private readonly url: string;
  private readonly key: string;

  constructor({ url, key }: ApiOptions) {
    const given = {
      ...(url !== undefined && { SIGNOFF_URL: url }),
      ...(key !== undefined && { SIGNOFF_KEY: key }),
    };
    const { SIGNOFF_URL, SIGNOFF_KEY } = readEnvironment(environment, { ...process.env, ...given });
    this.url = SIGNOFF_URL.replace(/\/+$/, '');
    this.key = SIGNOFF_KEY;
  }

  async get<Body>(path: string, query: Query = {}): Promise<Body> {
    return (await this.send('GET', path, { query })).json() as Promise<Body>;
  }

  async post<Body>(path: string, body?: object): Promise<Body> {
    return (await this.send('POST', path, { body })).json() as Promise<Body>;
  }

  async delete<Body>(path: string, body?: object): Promise<Body> {
    return (await this.send('DELETE', path, { body })).json() as Promise<Body>;
  }

  /** The answer with its body still to be read. */
  async send(
    method: string,
    path: string,
    { query = {}, body }: { query?: Query; body?: object },
  ): Promise<Response> {
    const url = new URL(this.url + path);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    let answer: Response;
    try {
      answer = await fetch(url, {
        method,
        headers: {
          authorization: `Bearer ${this.key}`,
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { body: JSON.stringify(body) }),
      });
    } catch (cause) {
      throw new CliError(`${this.url} cannot be reached: ${reasonOf(cause)}`, { cause });
    }
    if (!answer.ok) throw new CliError(await problemOf(answer));
    return answer;
  }
}

interface Problem {
  readonly code?: string;
  readonly detail?: string;
  readonly errors?: readonly { field: string; message: string }[];
}

async function problemOf(answer: Response): Promise<string> {
  const problem = (await answer.json().catch(() => ({}))) as Problem;
  if (!problem.code) return `the API answered ${answer.status}`;
  const fields = (problem.errors ?? []).map(({ field, message }) => `${field} ${message}`);
  return [`${problem.code}: ${problem.detail}`, ...fields].join('; ');
}

function reasonOf(error: unknown): string {
  const { cause, message } = error as { cause?: { code?: string; message?: string }; message: string };
  return cause?.code ?? cause?.message ?? message;
}

export const inPath = (text: string): string => encodeURIComponent(text);
