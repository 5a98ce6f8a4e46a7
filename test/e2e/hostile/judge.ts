import type { RawAnswer } from '../harness/raw-connection.js';
import type { Issued } from '../harness/sessions.js';
import type { Cast } from './cast.js';
import { leakIn } from './leaks.js';
import type { Ledger } from './ledger.js';
import type { HostileRequest } from './request.js';

const ASSETS = /^\/docs/;
/** Of a finding, so much is shown. */
const START = 1_000;

/** A request with what it became when it was written. */
export interface Sent {
  readonly request: HostileRequest;
  /** Its `X-Request-Id`, if that is its alone. */
  readonly id: string | undefined;
  readonly bytes: Buffer;
  /** Whose credential it had, if that is one to be accepted. */
  readonly principal: string | undefined;
}

export interface Finding {
  readonly what: string;
  readonly request: string;
  readonly answer: string;
}

type Body = any;

/** Looks at each answer, books what was accepted, and keeps what should not have been. */
export class Judge {
  readonly findings: Finding[] = [];
  readonly counts = { accepted: 0, refused: 0, statuses: {} as Record<number, number> };
  private readonly accounts = new Map<string, string>();

  constructor(
    readonly cast: Cast,
    private readonly ledger: Ledger,
    private readonly secrets: readonly string[],
  ) {}

  answered(sent: Sent, answer: RawAnswer): void {
    const { status } = answer;
    this.counts.statuses[status] = (this.counts.statuses[status] ?? 0) + 1;
    this.counts[status < 400 ? 'accepted' : 'refused']++;
    const body = jsonOf(answer);
    for (const what of [
      ...wrongOnTheWire(sent, answer, body),
      ...this.leaks(sent, answer, body),
      ...this.wronglyAccepted(sent, answer, body),
    ]) {
      this.findings.push({
        what,
        request: sent.bytes.toString('latin1').slice(0, START),
        answer: textOf(answer).slice(0, START),
      });
    }
    this.book(sent, answer, body);
  }

  /** `received` is what has come of an answer, and `isClosed` says that no more can come. */
  unanswered(sent: Sent, received: string, isClosed: boolean): void {
    this.findings.push({
      what: `was not answered, the connection is ${isClosed ? 'closed' : 'open'}`,
      request: sent.bytes.toString('latin1').slice(0, START),
      answer: received.slice(-START),
    });
  }

  private leaks({ request }: Sent, answer: RawAnswer, body: Body): string[] {
    // The libraries behind the documentation name errors of their own.
    if (answer.status < 300 && ASSETS.test(request.path)) return [];
    const handedOut =
      request.method === 'POST' || request.method === 'PATCH'
        ? [body?.data?.accessToken, body?.data?.key]
        : [];
    const leak = leakIn(textOf(answer), this.secrets, handedOut);
    return leak === undefined ? [] : [`leaks ${leak}`];
  }

  private wronglyAccepted({ request, principal }: Sent, { status }: RawAnswer, body: Body): string[] {
    const isApi = request.path.startsWith('/api/');
    if (!isApi || status >= 300) return [];
    const introspected =
      request.path === '/api/introspect' && /<<(ended|tampered|account-key):/.test(request.body ?? '');
    const owner = principal && this.accounts.get(principal);
    const listed: Issued[] =
      request.path.startsWith('/api/account/') && Array.isArray(body?.data) ? body.data : [];
    return [
      ...(principal === undefined ? ['was accepted without a credential that is good'] : []),
      ...(introspected && body?.active !== false ? ['took a credential for good'] : []),
      ...listed
        .filter(({ token }) => owner !== undefined && (this.accounts.get(token) ?? owner) !== owner)
        .map(({ token }) => `shows somebody else's ${token}`),
    ];
  }

  private book({ request, principal }: Sent, answer: RawAnswer, body: Body): void {
    const { status } = answer;
    if (status === 401 && principal?.startsWith('session_')) this.cast.left(principal);
    if (!request.path.startsWith('/api/') || principal === undefined) return;
    // An export is accepted, and is no JSON.
    if (status < 300) this.ledger.accepted.add(answer.headers['x-request-id'] ?? '');
    if (!body || typeof body !== 'object') return;
    const key = request.headers.find(([name]) => name === 'Idempotency-Key')?.[1].trim();
    const operation = `${request.method} ${request.path.replaceAll(/\{(\w+)\}/g, ':$1')}`;
    this.ledger.book(
      request.method,
      status,
      body,
      key === undefined ? undefined : `${operation} ${principal} ${key}`,
    );
    if (status === 201 && body.data.accessToken) {
      this.accounts.set(body.data.token, body.data.accountId);
      this.cast.joined(body.data);
    }
  }
}

function wrongOnTheWire({ request, id }: Sent, answer: RawAnswer, body: Body): string[] {
  const { status, headers } = answer;
  // What Node's parser gives up on has no id yet.
  const isOfAnother = id !== undefined && headers['x-request-id'] !== id && headers.connection !== 'close';
  const isProblem =
    headers['content-type']?.startsWith('application/problem+json') && body?.status === status;
  return [
    ...(isOfAnother ? [`got the answer to ${headers['x-request-id']}`] : []),
    ...(status >= 500 ? [`failed with ${status}`] : []),
    ...(status >= 400 && request.method !== 'HEAD' && !(isProblem && /^[A-Z_]+$/.test(body.code))
      ? ['was refused with something else than a problem']
      : []),
    ...(/^[\w.-]{1,64}$/.test(headers['x-request-id'] ?? '') ? [] : ['was answered without a request id']),
    ...(headers['x-content-type-options'] === 'nosniff' ? [] : ['was answered without nosniff']),
    ...(headers['x-injected'] === undefined ? [] : ['wrote a header of its own']),
    ...(status === 401 && headers['www-authenticate'] === undefined ? ['got 401 without a challenge'] : []),
  ];
}

function jsonOf({ text, headers }: RawAnswer): Body {
  if (!headers['content-type']?.includes('json')) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const textOf = ({ status, headers, text }: RawAnswer) =>
  `${status}\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n')}\n\n${text}`;
