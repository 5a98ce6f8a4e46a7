import { createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { KeySet } from './key-set.js';
import { RevocationsError } from './revocations-error.js';
import { SessionVerifier } from './session-verifier.js';

const NOW = Date.parse('2026-11-24T08:00:00Z');
const SECOND = NOW / 1_000;
const SID = 'session_7gfiSJW7S0Pn7sLHvPVYnh';

const mine = generateKeyPairSync('ed25519');
const others = generateKeyPairSync('ed25519');
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwkOf = (key: KeyObject, kid: string) => ({
  ...key.export({ format: 'jwk' }),
  kid,
  use: 'sig',
  alg: 'EdDSA',
});
const rawPublic = Buffer.from(mine.publicKey.export({ format: 'jwk' }).x!, 'base64url');

let published = [jwkOf(mine.publicKey, 'mine')];
let fetches = 0;
let server: Server;
let url: URL;
let available = true;

beforeAll(async () => {
  server = createServer((_, response) => {
    fetches++;
    if (!available) return void response.writeHead(503).end();
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ keys: published }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/.well-known/jwks.json`);
});
afterAll(() => void server.close());

let now = NOW;
const verifierWith = ({ audience, cooldownMs }: { audience?: string; cooldownMs?: number } = {}) =>
  new SessionVerifier({ keys: new KeySet(url, cooldownMs), issuer: 'signoff', audience, now: () => now });

const HEADER = { alg: 'EdDSA', typ: 'signoff-session+jwt', kid: 'mine' };
const CLAIMS = { iss: 'signoff', sub: 'ada', sid: SID, iat: SECOND - 60, exp: SECOND + 3_600 };

const part = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const signed = (header: unknown, claims: unknown, key: KeyObject = mine.privateKey) => {
  const text = `${part(header)}.${part(claims)}`;
  return `${text}.${sign(null, Buffer.from(text), key).toString('base64url')}`;
};
const hmac = (header: object, secret: Buffer) => {
  const text = `${part(header)}.${part(CLAIMS)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
};
const good = signed(HEADER, CLAIMS);
const [head, body, signature] = good.split('.') as [string, string, string];
const withHeader = (more: object, key?: KeyObject) => signed({ ...HEADER, ...more }, CLAIMS, key);
const withClaims = (more: object, key?: KeyObject) => signed(HEADER, { ...CLAIMS, ...more }, key);
const without = (claim: keyof typeof CLAIMS) => {
  const { [claim]: _, ...claims } = CLAIMS;
  return signed(HEADER, claims);
};

const codeOf = async (verifier: SessionVerifier, credential: unknown) => {
  try {
    await verifier.verify(credential as string);
    return 'taken';
  } catch (error) {
    if (!(error instanceof RevocationsError)) throw error;
    expect(error.cause).toBeDefined();
    return error.code;
  }
};

beforeEach(() => {
  now = NOW;
  published = [jwkOf(mine.publicKey, 'mine')];
  available = true;
  fetches = 0;
});

describe('a credential that Signoff has signed', () => {
  it('names its session', async () => {
    expect(await verifierWith().verify(good)).toEqual({
      sessionId: SID,
      accountId: 'ada',
      issuedAt: CLAIMS.iat,
      expiresAt: CLAIMS.exp,
    });
  });

  it('is good for the audience that it names, one or among several', async () => {
    const verifier = verifierWith({ audience: 'billing' });
    expect(await codeOf(verifier, withClaims({ aud: 'billing' }))).toBe('taken');
    expect(await codeOf(verifier, withClaims({ aud: ['mail', 'billing'] }))).toBe('taken');
    expect(await codeOf(verifier, withClaims({ aud: 'mail' }))).toBe('AUDIENCE_INVALID');
    expect(await codeOf(verifier, good)).toBe('AUDIENCE_INVALID');
  });

  it('is checked once, and expires all the same', async () => {
    const verifier = verifierWith();
    expect(await codeOf(verifier, good)).toBe('taken');
    now = CLAIMS.exp * 1_000 - 1;
    expect(await codeOf(verifier, good)).toBe('taken');
    now = CLAIMS.exp * 1_000;
    expect(await codeOf(verifier, good)).toBe('CREDENTIAL_EXPIRED');
    expect(await codeOf(verifier, good)).toBe('CREDENTIAL_EXPIRED');
    expect(fetches).toBe(1);
  });

  it('is not taken for another one with the same signature', async () => {
    const verifier = verifierWith();
    expect(await codeOf(verifier, good)).toBe('taken');
    expect(await codeOf(verifier, `${head}.${part({ ...CLAIMS, sub: 'eve' })}.${signature}`)).toBe(
      'SIGNATURE_INVALID',
    );
  });
});

describe('a hostile credential', () => {
  const embedded = mine.publicKey.export({ format: 'jwk' });
  const foreign = others.publicKey.export({ format: 'jwk' });
  const rs256 = () => {
    const text = `${part({ ...HEADER, alg: 'RS256' })}.${part(CLAIMS)}`;
    return `${text}.${sign('sha256', Buffer.from(text), rsa.privateKey).toString('base64url')}`;
  };
  const es256 = () => {
    const text = `${part({ ...HEADER, alg: 'ES256' })}.${part(CLAIMS)}`;
    const key = { key: ec.privateKey, dsaEncoding: 'ieee-p1363' as const };
    return `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`;
  };

  it.each([
    // The algorithm.
    ['alg none without signature', `${part({ ...HEADER, alg: 'none' })}.${body}.`, 'ALGORITHM_REFUSED'],
    [
      'alg none with the signature of another',
      `${part({ ...HEADER, alg: 'none' })}.${body}.${signature}`,
      'ALGORITHM_REFUSED',
    ],
    ['alg None', withHeader({ alg: 'None' }), 'ALGORITHM_REFUSED'],
    ['alg NONE', withHeader({ alg: 'NONE' }), 'ALGORITHM_REFUSED'],
    ['HS256 with the public key, raw', hmac({ ...HEADER, alg: 'HS256' }, rawPublic), 'ALGORITHM_REFUSED'],
    [
      'HS256 with the public key, PEM',
      hmac({ ...HEADER, alg: 'HS256' }, Buffer.from(mine.publicKey.export({ type: 'spki', format: 'pem' }))),
      'ALGORITHM_REFUSED',
    ],
    ['HS256 with the empty key', hmac({ ...HEADER, alg: 'HS256' }, Buffer.alloc(0)), 'ALGORITHM_REFUSED'],
    ['an HMAC that is called EdDSA', hmac(HEADER, rawPublic), 'SIGNATURE_INVALID'],
    ['RS256', rs256(), 'ALGORITHM_REFUSED'],
    ['ES256', es256(), 'ALGORITHM_REFUSED'],
    ['alg eddsa', withHeader({ alg: 'eddsa' }), 'ALGORITHM_REFUSED'],
    ['alg Ed448', withHeader({ alg: 'Ed448' }), 'ALGORITHM_REFUSED'],
    ['an alg that is a list', withHeader({ alg: ['EdDSA'] }), 'ALGORITHM_REFUSED'],
    ['no alg', withHeader({ alg: undefined }), 'ALGORITHM_REFUSED'],
    // The key.
    ['an unknown kid', withHeader({ kid: 'other' }), 'KEY_UNKNOWN'],
    ['no kid', withHeader({ kid: undefined }), 'KEY_UNKNOWN'],
    ['a kid that is null', withHeader({ kid: null }), 'KEY_UNKNOWN'],
    ['a kid that is a path', withHeader({ kid: '../../../dev/null' }), 'KEY_UNKNOWN'],
    ['a kid that is a member of every object', withHeader({ kid: '__proto__' }), 'KEY_UNKNOWN'],
    ['signed with another key under our kid', withHeader({}, others.privateKey), 'SIGNATURE_INVALID'],
    ['jku', withHeader({ jku: 'https://evil.example/jwks.json' }, others.privateKey), 'HEADER_REFUSED'],
    ['x5u', withHeader({ x5u: 'https://evil.example/cert.pem' }, others.privateKey), 'HEADER_REFUSED'],
    ['an embedded key', withHeader({ jwk: foreign }, others.privateKey), 'HEADER_REFUSED'],
    ['our own key, embedded', withHeader({ jwk: embedded }), 'HEADER_REFUSED'],
    ['x5c', withHeader({ x5c: ['MIIB'] }), 'HEADER_REFUSED'],
    ['x5t', withHeader({ 'x5t#S256': 'AAAA' }), 'HEADER_REFUSED'],
    // What it asks for.
    ['crit', withHeader({ crit: ['exp'], exp: SECOND }), 'HEADER_REFUSED'],
    ['an empty crit', withHeader({ crit: [] }), 'HEADER_REFUSED'],
    ['b64', withHeader({ b64: false, crit: ['b64'] }), 'HEADER_REFUSED'],
    ['zip', withHeader({ zip: 'DEF' }), 'HEADER_REFUSED'],
    ['enc', withHeader({ enc: 'A256GCM' }), 'HEADER_REFUSED'],
    ['cty', withHeader({ cty: 'JWT' }), 'HEADER_REFUSED'],
    // The type.
    ['typ JWT', withHeader({ typ: 'JWT' }), 'TYPE_INVALID'],
    ['no typ', withHeader({ typ: undefined }), 'TYPE_INVALID'],
    ['typ at+jwt', withHeader({ typ: 'at+jwt' }), 'TYPE_INVALID'],
    ['typ in capitals', withHeader({ typ: 'SIGNOFF-SESSION+JWT' }), 'TYPE_INVALID'],
    ['typ with application/', withHeader({ typ: 'application/signoff-session+jwt' }), 'TYPE_INVALID'],
    // The signature.
    ['no signature', `${head}.${body}.`, 'SIGNATURE_INVALID'],
    ['a shortened signature', good.slice(0, -4), 'SIGNATURE_INVALID'],
    [
      'a signature of zeros',
      `${head}.${body}.${Buffer.alloc(64).toString('base64url')}`,
      'SIGNATURE_INVALID',
    ],
    ['a signature with the order of the curve added', addOrder(), 'SIGNATURE_INVALID'],
    [
      'other claims under the signature',
      `${head}.${part({ ...CLAIMS, exp: SECOND + 9_999 })}.${signature}`,
      'SIGNATURE_INVALID',
    ],
    [
      'another header under the signature',
      `${part({ kid: 'mine', typ: HEADER.typ, alg: 'EdDSA' })}.${body}.${signature}`,
      'SIGNATURE_INVALID',
    ],
    // The claims.
    ['another issuer', withClaims({ iss: 'evil' }), 'ISSUER_INVALID'],
    ['several issuers', withClaims({ iss: ['signoff'] }), 'ISSUER_INVALID'],
    ['no issuer', without('iss'), 'ISSUER_INVALID'],
    ['expired', withClaims({ exp: SECOND - 1 }), 'CREDENTIAL_EXPIRED'],
    ['expiring this second', withClaims({ exp: SECOND }), 'CREDENTIAL_EXPIRED'],
    ['not yet valid', withClaims({ nbf: SECOND + 60 }), 'CREDENTIAL_NOT_YET_VALID'],
    ['an nbf that is a text', withClaims({ nbf: 'soon' }), 'CLAIMS_INVALID'],
    ['no exp', without('exp'), 'CLAIMS_INVALID'],
    ['an exp that is a text', withClaims({ exp: `${SECOND + 60}` }), 'CLAIMS_INVALID'],
    [
      'an exp that is endless',
      signed(HEADER, JSON.stringify(CLAIMS).replace(/"exp":\d+/, '"exp":1e999')),
      'CLAIMS_INVALID',
    ],
    ['no iat', without('iat'), 'CLAIMS_INVALID'],
    ['no sub', without('sub'), 'CLAIMS_INVALID'],
    ['an empty sub', withClaims({ sub: '' }), 'CLAIMS_INVALID'],
    ['no sid', without('sid'), 'CLAIMS_INVALID'],
    ['a sid that is none', withClaims({ sid: 'session_' }), 'CLAIMS_INVALID'],
    ['a sid of more than 128 bits', withClaims({ sid: `session_${'z'.repeat(22)}` }), 'CLAIMS_INVALID'],
    ['a sid that is a list', withClaims({ sid: [SID] }), 'CLAIMS_INVALID'],
    // The form.
    ['nothing', '', 'CREDENTIAL_MALFORMED'],
    ['undefined', undefined, 'CREDENTIAL_MALFORMED'],
    ['an object', { toString: () => good }, 'CREDENTIAL_MALFORMED'],
    ['two parts', `${head}.${body}`, 'CREDENTIAL_MALFORMED'],
    ['four parts', `${good}.${signature}`, 'CREDENTIAL_MALFORMED'],
    ['five parts, as of something encrypted', `${head}.a.b.c.d`, 'CREDENTIAL_MALFORMED'],
    ['only dots', '..', 'CREDENTIAL_MALFORMED'],
    ['with Bearer before it', `Bearer ${good}`, 'CREDENTIAL_MALFORMED'],
    ['with white space behind it', `${good} `, 'CREDENTIAL_MALFORMED'],
    ['with a line break in it', `${head}\n.${body}.${signature}`, 'CREDENTIAL_MALFORMED'],
    ['a header that is no JSON', `${part('{')}.${body}.${signature}`, 'CREDENTIAL_MALFORMED'],
    ['a header that is null', `${part('null')}.${body}.${signature}`, 'CREDENTIAL_MALFORMED'],
    ['a header that is a list', signed([HEADER], CLAIMS), 'CREDENTIAL_MALFORMED'],
    ['claims that are no JSON', signed(HEADER, '{'), 'CREDENTIAL_MALFORMED'],
    ['claims that are a list', signed(HEADER, [CLAIMS]), 'CREDENTIAL_MALFORMED'],
    ['claims that are a text', signed(HEADER, '"ada"'), 'CREDENTIAL_MALFORMED'],
    ['in JSON', JSON.stringify({ protected: head, payload: body, signature }), 'CREDENTIAL_MALFORMED'],
    ['base64 in place of base64url', `${head}.${body}.${'+/'.repeat(43)}`, 'CREDENTIAL_MALFORMED'],
    ['more than 4,096 characters', withClaims({ more: 'x'.repeat(4_096) }), 'CREDENTIAL_TOO_LONG'],
    ['a megabyte of dots', '.'.repeat(1_000_000), 'CREDENTIAL_TOO_LONG'],
  ])('%s is refused', async (_, credential, code) => {
    const verifier = verifierWith();
    expect(await codeOf(verifier, credential)).toBe(code);
    // Not the second time either.
    expect(await codeOf(verifier, credential)).toBe(code);
  });

  /** S + L verifies where nobody looks: the second form of one signature. */
  function addOrder(): string {
    const bytes = Buffer.from(signature, 'base64url');
    const order = 2n ** 252n + 27742317777372353535851937790883648493n;
    const s = BigInt(`0x${Buffer.from(bytes.subarray(32).toReversed()).toString('hex')}`) + order;
    bytes.set(Buffer.from(s.toString(16).padStart(64, '0'), 'hex').toReversed(), 32);
    return `${head}.${body}.${bytes.toString('base64url')}`;
  }
});

describe('the key set', () => {
  it('is fetched once, and again for a kid that it does not have, but not time and again', async () => {
    const verifier = verifierWith({ cooldownMs: 60_000 });
    for (let i = 0; i < 3; i++) expect(await codeOf(verifier, good)).toBe('taken');
    expect(fetches).toBe(1);
    for (let i = 0; i < 10; i++)
      expect(await codeOf(verifier, withHeader({ kid: `${i}` }))).toBe('KEY_UNKNOWN');
    expect(fetches).toBe(1);
  });

  it('brings a key that was made since', async () => {
    const verifier = verifierWith({ cooldownMs: 0 });
    expect(await codeOf(verifier, good)).toBe('taken');
    published = [...published, jwkOf(others.publicKey, 'new')];
    expect(await codeOf(verifier, withHeader({ kid: 'new' }, others.privateKey))).toBe('taken');
    expect(fetches).toBe(2);
  });

  it('takes a withdrawn key from credentials that were good before', async () => {
    const verifier = verifierWith({ cooldownMs: 0 });
    expect(await codeOf(verifier, good)).toBe('taken');
    published = [jwkOf(others.publicKey, 'new')];
    expect(await codeOf(verifier, withHeader({ kid: 'new' }, others.privateKey))).toBe('taken');
    expect(await codeOf(verifier, good)).toBe('KEY_UNKNOWN');
  });

  it('that cannot be had is no reason to believe anybody', async () => {
    available = false;
    const verifier = verifierWith();
    expect(await codeOf(verifier, good)).toBe('KEYS_UNAVAILABLE');
    available = true;
    expect(await codeOf(verifier, good)).toBe('taken');
  });

  it('with a key for something else has no key', async () => {
    published = [{ ...jwkOf(ec.publicKey, 'mine'), alg: 'ES256' }];
    expect(await codeOf(verifierWith(), good)).toBe('KEY_UNKNOWN');
  });
});
