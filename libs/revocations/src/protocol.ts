import { isSessionId } from './session-id.js';

export const STREAM = 'SESSIONS';
export const REVOKED = 'sessions.revoked.*';

/** Of a service, and of an instance of it. */
export const NAME = /^[A-Za-z0-9_-]{1,48}$/;

/** Request and reply on core NATS; the API answers from PostgreSQL, read after the question came. */
export const headSubject = (service: string) => `signoff.rpc.${service}.head`;
export const revocationsSubject = (service: string) => `signoff.rpc.${service}.revocations`;
export const signOffSubject = (service: string) => `signoff.rpc.${service}.sign-off`;

/** Published on core NATS as soon as more is held: what a wait for the effect of a revocation is woken by. */
export const receiptSubject = (service: string, instance: string) => `signoff.receipt.${service}.${instance}`;

/** One for each feed, since a consumer is never taken up again. Who cannot guess its name cannot disturb it. */
export const consumerName = (service: string, instance: string, secret: string) =>
  `revocations-${service}-${instance}-${secret}`;

/** Who asks for the head, and so is known to the API until it signs off or its time runs out. */
export interface Registration {
  readonly instance: string;
  readonly bootId: string;
  /** Milliseconds after which it counts itself stale, from its last question on. */
  readonly maxStaleness: number;
  readonly policy: 'refuse' | 'allow';
}

/** What an instance says of itself: from now on it refuses every session whose end stands at or before this position. */
export interface Receipt extends LogIdentity {
  readonly bootId: string;
  readonly position: number;
  /** All revocations up to this number are held. */
  readonly revocations: number;
}

/** Which log. Another epoch is another log: what was taken from the old one does not hold. */
export interface LogIdentity {
  readonly logId: string;
  readonly epoch: number;
}

export const isSameLog = (one: LogIdentity, other: LogIdentity) =>
  one.logId === other.logId && one.epoch === other.epoch;

export interface Head extends LogIdentity {
  readonly position: number;
  /** The number of the newest revocation. */
  readonly revocations: number;
  /** All up to this one concern credentials that have expired. */
  readonly revocationsFloor: number;
  /** PostgreSQL's clock, in milliseconds since 1970. */
  readonly time: number;
}

export interface Revocation {
  /** Its number among all revocations of the log: 1, 2, … without a gap. */
  readonly revocation: number;
  /** Its position in the log, and so its sequence in the stream. */
  readonly position: number;
  readonly sessionId: string;
  /** The latest `exp` ever signed for the session. ISO 8601, UTC. */
  readonly credentialsExpireAt: string;
}

export interface Page extends LogIdentity {
  readonly revocations: readonly Revocation[];
}

/** What came is not what the protocol says. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

type Fields = Readonly<Record<string, unknown>>;

export function readHead(bytes: Uint8Array, nonce: string, bootId: string): Head {
  const fields = readAnswer(bytes);
  if (fields.nonce !== nonce) throw new ProtocolError('the answer is to another question');
  // Who is not known to the API would not be waited for: it must not take itself for ready.
  if (fields.registered !== bootId) throw new ProtocolError('the API did not register this instance');
  const head = {
    ...readIdentity(fields),
    position: count(fields.position),
    revocations: count(fields.revocations),
    revocationsFloor: count(fields.revocationsFloor),
    time: instant(fields.time),
  };
  if (head.revocationsFloor > head.revocations)
    throw new ProtocolError('the floor is above the newest revocation');
  return head;
}

export function readPage(bytes: Uint8Array): Page {
  const fields = readAnswer(bytes);
  if (!Array.isArray(fields.revocations)) throw new ProtocolError('a page without revocations');
  return {
    ...readIdentity(fields),
    revocations: fields.revocations.map((one: Fields) => readRevocation(one, one)),
  };
}

/** The body of a message of the stream, and its header `Signoff-Log`. */
export function readMessage(
  bytes: Uint8Array,
  logHeader: string | undefined,
): { log: LogIdentity } & Revocation {
  const fields = parse(bytes);
  const [logId, epoch] = (logHeader ?? '').split('/');
  if (fields.type !== 'SessionRevoked') throw new ProtocolError(`an event of type ${String(fields.type)}`);
  return {
    log: readIdentity({ logId, epoch: Number(epoch) }),
    ...readRevocation(fields, fields.data as Fields),
  };
}

function readAnswer(bytes: Uint8Array): Fields {
  const fields = parse(bytes);
  const error = fields.error as Fields | undefined;
  if (error) throw new ProtocolError(`refused: ${String(error.code)}: ${String(error.message)}`);
  return fields;
}

function readIdentity({ logId, epoch }: Fields): LogIdentity {
  if (typeof logId !== 'string' || logId === '') throw new ProtocolError('no log id');
  return { logId, epoch: count(epoch) };
}

function readRevocation(numbers: Fields | null, data: Fields | null | undefined): Revocation {
  const { revocation, position } = numbers ?? {};
  const { sessionId, credentialsExpireAt } = data ?? {};
  if (!isSessionId(sessionId)) throw new ProtocolError('a revocation without a session');
  instant(credentialsExpireAt);
  return {
    revocation: count(revocation, 1),
    position: count(position, 1),
    sessionId,
    credentialsExpireAt: credentialsExpireAt as string,
  };
}

function count(value: unknown, least = 0): number {
  if (!Number.isSafeInteger(value) || (value as number) < least)
    throw new ProtocolError(`not a count: ${String(value)}`);
  return value as number;
}

function instant(value: unknown): number {
  const milliseconds = typeof value === 'string' ? Date.parse(value) : NaN;
  if (Number.isNaN(milliseconds)) throw new ProtocolError(`not a time: ${String(value)}`);
  return milliseconds;
}

const utf8 = new TextDecoder();

function parse(bytes: Uint8Array): Fields {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch (cause) {
    throw new ProtocolError('not JSON', { cause });
  }
  if (typeof value !== 'object' || value === null) throw new ProtocolError('not an object');
  return value as Fields;
}
