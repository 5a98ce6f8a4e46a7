import { describe, expect, it } from '@jest/globals';
import type { AccountFolds } from '#event-log/account-stream.js';
import type { IdleSessions } from '../activity/idle-sessions.js';
import type { ApiKeys } from './api-keys.js';
import { Authenticator } from './authenticator.js';
import type { Principal } from './principal.js';
import type { SessionCredentials } from './session-credentials.js';

const TIME = Date.parse('2026-11-30T08:00:00.000Z');
const at = (seconds: number) => new Date(TIME + seconds * 1_000).toISOString();
const LIVES_FOR = 3_600;

interface Circumstances {
  readonly provesItself?: boolean;
  /** Seconds after `TIME`. */
  readonly credentialExpires?: number;
  readonly policyOfIdleSessions?: boolean;
  /** Whether the session lived a moment ago, where that is known. */
  readonly lived?: boolean;
  readonly lives?: boolean;
}

function authenticatorIn(given: Circumstances) {
  const { credentialExpires = LIVES_FOR, lives = true } = given;
  let looks = 0;
  const fold = (alive: boolean) => {
    const session = { sessionId: 'ses_1', issuedAt: at(-1), expiresAt: at(LIVES_FOR) };
    return { state: { sessions: new Map(alive ? [['ses_1', session]] : []) }, now: at(0), isKept: true };
  };
  const claims = { sub: 'ada', sid: 'ses_1', exp: TIME / 1_000 + credentialExpires };
  const authenticator = new Authenticator(
    { verify: () => claims } as unknown as SessionCredentials,
    {} as ApiKeys,
    {
      recent: () => (given.lived === undefined ? undefined : fold(given.lived)),
      known: () => (given.lived === undefined ? undefined : fold(given.lived)),
      current: () => Promise.resolve((looks++, fold(lives))),
    } as unknown as AccountFolds,
    {
      applies: () => given.policyOfIdleSessions ?? false,
      endIfIdle: () => Promise.resolve(given.policyOfIdleSessions ?? false),
    } as unknown as IdleSessions,
  );
  return { authenticator, hasLooked: () => looks > 0 };
}

/** Somebody asks by the credential of a session. */
async function ask({ provesItself = true, ...given }: Circumstances) {
  const { authenticator, hasLooked } = authenticatorIn(given);
  const principal = await authenticator
    .authenticate('Bearer eyJ', provesItself)
    .catch(({ code }: { code: string }) => code);
  return { principal, looked: hasLooked() };
}

/** Somebody asks about the credential of a session, with a look behind him. */
async function askAbout(given: Circumstances) {
  const { authenticator, hasLooked } = authenticatorIn(given);
  const claims = await authenticator.liveClaims('eyJ', { now: at(0), isKept: true });
  return { active: claims !== null, looked: hasLooked() };
}

const REFUSED = { principal: 'CREDENTIAL_INVALID', looked: true };

describe('the credential of a session that lived a moment ago', () => {
  it('is taken at that where what is asked for proves it, and can be proven', async () => {
    const { principal, looked } = await ask({ lived: true });
    expect(looked).toBe(false);
    expect(principal).toMatchObject({ sessionId: 'ses_1' });
    expect((principal as Principal).foundAt).toBeUndefined();
    expect(await (principal as { prove(): Promise<unknown> }).prove()).toMatchObject({ now: at(0) });
  });

  it('is no proof where it has ended since', async () => {
    const { principal } = await ask({ lived: true, lives: false });
    await expect((principal as { prove(): Promise<unknown> }).prove()).rejects.toMatchObject({
      code: 'CREDENTIAL_INVALID',
    });
  });

  it('is looked up all the same where nothing else would prove it', async () => {
    expect(await ask({ lived: true, provesItself: false, lives: false })).toEqual(REFUSED);
    expect(await ask({ lived: true, policyOfIdleSessions: true })).toEqual(REFUSED);
  });

  it('is refused when it has expired, also if the session was extended', async () => {
    expect(await ask({ lived: true, credentialExpires: 0 })).toEqual(REFUSED);
  });
});

describe('the credential of a session of which nothing is known, or that it did not live', () => {
  it.each([undefined, false])('is looked up (lived: %s)', async (lived) => {
    const { principal, looked } = await ask({ lived });
    expect({ principal, looked }).toMatchObject({ principal: { foundAt: { now: at(0) } }, looked: true });
    expect(await ask({ lived, lives: false })).toEqual(REFUSED);
  });
});

describe('a credential that is asked about', () => {
  it.each([
    ['is of a session that lives', { lived: true }, { active: true, looked: false }],
    ['is of one that has ended', { lived: false }, { active: false, looked: false }],
    ['has expired', { lived: true, credentialExpires: 0 }, { active: false, looked: false }],
    ['is of an account that is not known', { lives: true }, { active: true, looked: true }],
    ['is of one that is idle', { lived: true, policyOfIdleSessions: true }, { active: false, looked: true }],
  ])('%s', async (_, given, said) => {
    expect(await askAbout(given)).toEqual(said);
  });
});
