import type { Caller } from '../harness/call.js';
import { createKey, issue, type Issued } from '../harness/sessions.js';

const ACCOUNTS = [
  'ada',
  'grace@example.com',
  'a/b',
  '100%',
  'ünïcødé 😀',
  "o'neill",
  'key-1',
  'audit',
  '__proto__',
  'x'.repeat(128),
];
const KEPT = 60;

export interface Actor {
  readonly text: string;
  /** As the log names the credential; undefined for what must not be accepted. */
  readonly principal: string | undefined;
}

/** Who exists while the requests go out: it changes with what is accepted. */
export class Cast {
  readonly sessions: Issued[] = [];
  readonly ended: Issued[] = [];
  readonly accountKeys: { id: string; key: string }[] = [];
  readonly serviceKeys: { id: string; key: string }[] = [];

  private constructor(private readonly bootstrapKey: string) {}

  static async assemble(service: Caller, bootstrapKey: string): Promise<Cast> {
    const cast = new Cast(bootstrapKey);
    for (const accountId of ACCOUNTS) {
      cast.sessions.push(await issue(service, accountId), await issue(service, accountId));
      cast.accountKeys.push(await createKey(service, { kind: 'account', accountId, name: 'canary77' }));
    }
    for (const scope of ['sessions:read', 'sessions:issue', 'sessions:introspect', 'keys:write']) {
      cast.serviceKeys.push(await createKey(service, { kind: 'service', scopes: [scope], name: 'canary77' }));
    }
    const ended = await issue(service, 'ada');
    await service.delete(`/api/accounts/ada/sessions/${ended.token}`);
    cast.ended.push(ended);
    return cast;
  }

  /** Puts somebody in for each `<<kind:n>>`. `asJson`: inside a JSON string. */
  fill(text: string, asJson = false): string {
    return text.replaceAll(/<<([a-z-]+):(\d+)>>/g, (_, kind: string, n: string) => {
      const found = this.find(kind, Number(n));
      return asJson ? JSON.stringify(found).slice(1, -1) : found;
    });
  }

  /** Whose credential an `Authorization` header as it was generated means, if it is one that can be accepted. */
  principalOf(authorization: string | undefined): string | undefined {
    const [, kind, n] =
      /^bearer +<<(bootstrap|credential|account-key|service-key):(\d+)>> *$/i.exec(authorization ?? '') ?? [];
    if (kind === undefined) return undefined;
    if (kind === 'bootstrap') return 'bootstrap';
    return kind === 'credential'
      ? at(this.sessions, Number(n)).token
      : at(kind === 'account-key' ? this.accountKeys : this.serviceKeys, Number(n)).id;
  }

  joined(session: Issued): void {
    this.sessions.push(session);
    if (this.sessions.length > KEPT) this.sessions.splice(20, 1);
  }

  /** Its credential was acknowledged to be void. */
  left(token: string): void {
    const index = this.sessions.findIndex((session) => session.token === token);
    if (index === -1) return;
    this.ended.push(...this.sessions.splice(index, 1));
    if (this.ended.length > KEPT) this.ended.shift();
  }

  private find(kind: string, n: number): string {
    switch (kind) {
      case 'bootstrap':
        return this.bootstrapKey;
      case 'session':
        return at(n % 5 === 0 ? this.ended : this.sessions, n).token;
      case 'credential':
        return at(this.sessions, n).accessToken;
      case 'ended':
        return at(this.ended, n).accessToken;
      case 'tampered':
        return tampered(at(this.sessions, n).accessToken, n);
      case 'account-key':
        return at(this.accountKeys, n).key;
      case 'service-key':
        return at(this.serviceKeys, n).key;
      case 'key-id':
        return at(n % 3 === 0 ? this.serviceKeys : this.accountKeys, n).id;
      case 'account':
        return at(ACCOUNTS, n);
      case 'account-in-path':
        return encodeURIComponent(at(ACCOUNTS, n));
      default:
        return kind;
    }
  }
}

const at = <Item>(items: readonly Item[], n: number): Item => items[n % items.length]!;

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as object;

/** A credential that somebody made better than it was. */
function tampered(credential: string, n: number): string {
  const [head = '', claims = '', signature = ''] = credential.split('.');
  const better = (change: object) => encode({ ...decode(claims), ...change });
  const under = (change: object) => encode({ ...decode(head), ...change });
  const ways = [
    () => `${head}.${better({ exp: 9_999_999_999 })}.${signature}`,
    () => `${head}.${better({ sub: 'ada' })}.${signature}x`,
    () => `${under({ alg: 'none' })}.${claims}.`,
    () => `${under({ alg: 'HS256' })}.${claims}.${signature}`,
    () => `${under({ kid: '../../../dev/null' })}.${claims}.${signature}`,
    () => `${under({ kid: "x' OR '1'='1" })}.${claims}.${signature}`,
    () => `${under({ typ: 'JWT' })}.${claims}.${signature}`,
    () => `${under({ jku: 'http://127.0.0.1:1/jwks.json', jwk: { kty: 'OKP' } })}.${claims}.${signature}`,
    () => `${under({ crit: ['exp'] })}.${claims}.${signature}`,
    () => `${head}.${claims}.${'A'.repeat(86)}`,
    () => `${head}.${claims}.`,
    () => `${head}.${claims}`,
    () => `${head}.${claims}.${signature}.${signature}`,
    () => `${head}.${better({ sid: null })}.${signature}`,
    () => `${head}.${encode('text')}.${signature}`,
    () => `eyJ${head.slice(3).toUpperCase()}.${claims}.${signature}`,
  ];
  return at(ways, n)();
}
