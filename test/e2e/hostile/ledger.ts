import { isDeepStrictEqual } from 'node:util';
import type { Pool } from 'pg';
import { recordedEvents } from '../harness/recorded.js';

/** What was answered, as far as it says that something was done. */
interface Told {
  readonly token?: string;
  readonly id?: string;
  readonly key?: string | null;
  readonly accountId?: string;
  readonly expiresAt?: string;
  readonly ended?: readonly string[];
  readonly revoked?: number | boolean;
  readonly months?: readonly string[];
}

/** Refused before anything was decided, so that no key is kept for it. */
const UNDECIDED =
  /^(CREDENTIAL_|SCOPE_MISSING|ACCOUNT_CREDENTIAL_REQUIRED|SERVICE_KEY_REQUIRED|INPUT_INVALID|BODY_|URL_|MEDIA_|ROUTE_|METHOD_|REQUEST_|HEADERS_|EXPECTATION_|RATE_LIMITED|SESSION_TOKEN_MISSING)/;

/** What the accepted commands say that the log must hold, and what no refused one may have added to it. */
export class Ledger {
  /** Ids of the requests that were. */
  readonly accepted = new Set<string>();
  private readonly issued = new Set<string>();
  private readonly extendedTo = new Set<string>();
  private readonly keysCreated = new Set<string>();
  private keysRevoked = 0;
  private sessionsRevoked = 0;
  private erasures = 0;
  private readonly mustBeKeyed = new Set<string>();
  private readonly mayBeKeyed = new Set<string>();

  /** `keyedAs`: operation, principal and key of a request that had an `Idempotency-Key`. */
  book(
    method: string,
    status: number,
    body: { data?: Told; code?: string },
    keyedAs: string | undefined,
  ): void {
    if (keyedAs !== undefined && body.code !== undefined && !UNDECIDED.test(body.code))
      this.mayBeKeyed.add(withoutPath(keyedAs));
    const { data } = body;
    if (
      status >= 300 ||
      status === 202 ||
      !data ||
      Array.isArray(data) ||
      !['POST', 'PATCH', 'DELETE'].includes(method)
    )
      return;
    // Told for the second time, it is the same thing that was done.
    // A checkpoint says what the log is, and changes nothing: made twice, it says the same.
    if (keyedAs !== undefined && !keyedAs.startsWith('POST /api/audit/checkpoints')) {
      if (this.mustBeKeyed.has(keyedAs)) return;
      this.mustBeKeyed.add(keyedAs);
    }
    if (method === 'PATCH') this.extendedTo.add(`${data.token} ${data.expiresAt}`);
    else if (method === 'POST' && data.id) this.keysCreated.add(data.id);
    else if (method === 'POST' && data.token) this.issue(data);
    else if (method === 'DELETE') this.revoke(data);
  }

  private issue({ token, ended = [] }: Told): void {
    this.issued.add(token!);
    this.sessionsRevoked += ended.length;
  }

  private revoke(data: Told): void {
    if (typeof data.revoked === 'number') this.sessionsRevoked += data.revoked;
    else if (data.months) this.erasures += data.months.length > 0 ? 1 : 0;
    else if ('currentSessionRevoked' in data) this.sessionsRevoked++;
    else this.keysRevoked++;
  }

  /** What does not add up with the log from after `position` on; empty when the two tell the same story. */
  async differences(owner: Pool, position: number): Promise<string[]> {
    const events = (await recordedEvents(owner)).filter((event) => event.position > position);
    const of = (type: string) => events.filter((event) => event.type === type).map(({ data }) => data);
    const count = (what: string, recorded: number, told: number) =>
      recorded === told ? [] : [`${recorded} ${what} are recorded, ${told} were told of`];
    const same = (what: string, recorded: Iterable<string>, told: Iterable<string>) =>
      isDeepStrictEqual([...recorded].sort(), [...told].sort())
        ? []
        : [
            `${what}: ${JSON.stringify([...recorded])} are recorded, ${JSON.stringify([...told])} were told of`,
          ];
    const extensions = of('SessionExtended').map(
      ({ sessionId, expiresAt }) => `${String(sessionId)} ${String(expiresAt)}`,
    );
    const known = [
      'SessionIssued',
      'SessionExtended',
      'SessionRevoked',
      'ApiKeyCreated',
      'ApiKeyRevoked',
      'PersonalDataErased',
      // Its request is looked for below.
      'AuditRead',
    ];
    return [
      ...same(
        'sessions issued',
        of('SessionIssued').map(({ sessionId }) => String(sessionId)),
        this.issued,
      ),
      ...extensions
        .filter((one) => !this.extendedTo.has(one))
        .map((one) => `nobody was told of the extension ${one}`),
      ...count('revoked sessions', of('SessionRevoked').length, this.sessionsRevoked),
      ...same(
        'keys created',
        of('ApiKeyCreated').map(({ keyId }) => String(keyId)),
        this.keysCreated,
      ),
      ...count('erasures', of('PersonalDataErased').length, this.erasures),
      ...count('revoked keys', of('ApiKeyRevoked').length, this.keysRevoked),
      ...events.filter(({ type }) => !known.includes(type)).map(({ type }) => `who asked for ${type}?`),
      ...(await this.eventsOfNoOne(owner, position)),
      ...(await this.commandDifferences(owner)),
    ];
  }

  private async eventsOfNoOne(owner: Pool, position: number): Promise<string[]> {
    const { rows } = await owner.query<{ type: string; requestId: string }>(
      `SELECT type, metadata::json ->> 'requestId' AS "requestId" FROM event_log.event WHERE position > $1`,
      [position],
    );
    return rows
      .filter(({ requestId }) => !this.accepted.has(requestId))
      .map(({ type, requestId }) => `${type} is of the request ${requestId}, which was not accepted`);
  }

  private async commandDifferences(owner: Pool): Promise<string[]> {
    const { rows } = await owner.query<{ name: string }>(
      `SELECT operation || ' ' || principal || ' ' || key AS name FROM event_log.command`,
    );
    const kept = new Set(rows.map(({ name }) => name));
    return [
      ...[...this.mustBeKeyed]
        .filter((name) => !kept.has(name))
        .map((name) => `${name} was accepted and is not kept`),
      ...[...kept]
        .filter((name) => !this.mustBeKeyed.has(name) && !this.mayBeKeyed.has(withoutPath(name)))
        .map((name) => `${name} is kept, though nothing was decided`),
    ];
  }
}

/** A path can be changed into that of another operation, which refuses it. */
const withoutPath = (keyedAs: string) => keyedAs.replace(/ \S+/, '');
