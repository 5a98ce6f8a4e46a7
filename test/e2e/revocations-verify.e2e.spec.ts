import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect } from '#revocations/connect.js';
import type { Revocations } from '#revocations/revocations.js';
import { fakeRevocations } from '#revocations/testing.js';
import { until } from '../harness/until.js';
import { expiredSession } from './harness/expired-session.js';
import { issue } from './harness/sessions.js';
import { end, verdict } from './harness/subscribers.js';
import { type Api, World } from './harness/world.js';

let world: World;
let api: Api;

beforeAll(async () => {
  world = await World.create();
  api = await world.startApi({ AUDIENCE: 'platform' });
});
afterAll(() => world.stop());

interface Fixture {
  readonly revocations: Revocations;
  signIn(): Promise<{ sessionId: string; credential: string }>;
  revoke(sessionId: string): Promise<void>;
  goStale(): Promise<void>;
  refresh(): Promise<void>;
}

const fixtures: [string, () => Promise<Fixture>][] = [
  [
    'the real ones',
    async () => {
      const revocations = connect({
        nats: { servers: world.nats.url },
        service: 'billing',
        maxStaleness: 1_000,
        jwks: `${api.url}/.well-known/jwks.json`,
        audience: 'platform',
      });
      return {
        revocations,
        async signIn() {
          const { token, accessToken } = await issue(api.service, 'ada');
          return { sessionId: token, credential: accessToken };
        },
        revoke: (sessionId) => end(api, sessionId),
        async goStale() {
          world.nats.freeze();
          await until(
            () => revocations.staleness(),
            (staleness) => staleness > 1_000,
          );
        },
        async refresh() {
          world.nats.thaw();
        },
      };
    },
  ],
  [
    'those for tests',
    async () => {
      const revocations = fakeRevocations();
      return {
        revocations,
        signIn: async () => revocations.signIn(),
        revoke: async (sessionId) => revocations.revoke(sessionId),
        goStale: async () => revocations.goStale(),
        refresh: async () => revocations.refresh(),
      };
    },
  ],
];

describe.each(fixtures)('revocations, %s', (_, make) => {
  let fixture: Fixture;
  let revocations: Revocations;

  beforeAll(async () => {
    fixture = await make();
    ({ revocations } = fixture);
    await revocations.ready();
  });
  afterAll(() => revocations.close());

  it('take a credential, until its session is ended', async () => {
    const { sessionId, credential } = await fixture.signIn();
    expect(await revocations.verifySession(credential)).toMatchObject({ sessionId, accountId: 'ada' });
    const told: string[] = [];
    const stop = revocations.onRevoked((revocation) => told.push(revocation.sessionId));
    await fixture.revoke(sessionId);
    await until(
      () => told,
      (sessions) => sessions.includes(sessionId),
    );
    stop();
    expect(verdict(revocations, sessionId)).toBe(true);
    await expect(revocations.verifySession(credential)).rejects.toMatchObject({ code: 'SESSION_REVOKED' });
  });

  it('refuse what is no credential and no session', async () => {
    await expect(revocations.verifySession('x.y.z')).rejects.toMatchObject({ name: 'RevocationsError' });
    expect(verdict(revocations, 'session_')).toBe('SESSION_ID_INVALID');
  });

  it('refuse everybody while they are stale, and say of the ended that they are', async () => {
    const ended = await fixture.signIn();
    const alive = await fixture.signIn();
    await fixture.revoke(ended.sessionId);
    await until(
      () => verdict(revocations, ended.sessionId),
      (answer) => answer === true,
    );
    await revocations.verifySession(alive.credential);
    await fixture.goStale();
    try {
      expect(verdict(revocations, alive.sessionId)).toBe('REVOCATIONS_STALE');
      await expect(revocations.verifySession(alive.credential)).rejects.toMatchObject({
        code: 'REVOCATIONS_STALE',
      });
      await expect(revocations.verifySession(ended.credential)).rejects.toMatchObject({
        code: 'SESSION_REVOKED',
      });
    } finally {
      await fixture.refresh();
    }
    await revocations.ready();
    expect((await revocations.verifySession(alive.credential)).sessionId).toBe(alive.sessionId);
  });

  it('are closed for good', async () => {
    const { sessionId, credential } = await fixture.signIn();
    await revocations.close();
    expect(verdict(revocations, sessionId)).toBe('REVOCATIONS_CLOSED');
    await expect(revocations.verifySession(credential)).rejects.toMatchObject({ code: 'REVOCATIONS_CLOSED' });
    await expect(revocations.ready()).rejects.toMatchObject({ code: 'REVOCATIONS_CLOSED' });
  });
});

describe('a service whose clock is slow', () => {
  it("goes by PostgreSQL's: a revocation is dropped by that, and its credentials must not come back", async () => {
    const revocations = connect({
      nats: { servers: world.nats.url },
      service: 'slow',
      jwks: `${api.url}/.well-known/jwks.json`,
    });
    const now = Date.now;
    try {
      await revocations.ready();
      const { accessToken } = await expiredSession(world, 'ada');
      Date.now = () => now() - 2 * 3_600_000;
      await expect(revocations.verifySession(accessToken)).rejects.toMatchObject({
        code: 'CREDENTIAL_EXPIRED',
      });
    } finally {
      Date.now = now;
      await revocations.close();
    }
  });
});
