import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createPool } from '#event-log/connection.js';
import { MasterKey } from '#event-log/master-key.js';
import { createLocalJWKSet, decodeProtectedHeader, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import type { Pool } from 'pg';
import { createDatabase, type TestDatabase } from '../../../../test/harness/database.js';
import { startPostgresProxy } from '../../../../test/harness/postgres-proxy.js';
import { removeSigningKey } from '../keys/remove-signing-key.js';
import { rotateSigningKey } from '../keys/rotate-signing-key.js';
import { SessionCredentials } from './session-credentials.js';
import { SigningKeys, type SigningKeysOptions } from './signing-keys.js';

/** Looks each time, as if a second had passed. */
const looking = { countForMs: 0 };
/** Never looks by itself again. */
const notLooking = { countForMs: 86_400_000 };

describe('the signing keys of several processes', () => {
  let database: TestDatabase;
  let owner: Pool;
  let pool: Pool;
  let masterKey: MasterKey;

  beforeAll(async () => {
    database = await createDatabase();
    owner = createPool(database.ownerUrl, { max: 2 });
    pool = createPool(database.appUrl, { max: 4 });
  });
  afterAll(async () => {
    await Promise.all([owner.end(), pool.end()]);
    await database.drop();
  });
  beforeEach(async () => {
    masterKey = new MasterKey(randomBytes(32));
    await owner.query('DELETE FROM access.signing_key');
  });
  afterEach(() => void jest.restoreAllMocks());

  const start = async (options: SigningKeysOptions = {}, from = pool) => {
    const keys = new SigningKeys(from, masterKey, options);
    await keys.start();
    return { keys, credentials: new SessionCredentials(keys, 'signoff', undefined) };
  };
  type Process = Awaited<ReturnType<typeof start>>;

  let signed = 0;
  const sign = ({ credentials }: Process) =>
    credentials.sign({
      sessionId: 'session_0000000000000000000000',
      accountId: `account-${signed++}`,
      issuedAt: '2026-11-24T12:00:00.000Z',
      expiresAt: '2026-12-24T12:00:00.000Z',
    });
  const accepts = async ({ credentials }: Process, credential: string) =>
    (await credentials.verify(credential)) !== null;
  const kidOf = (credential: string) => decodeProtectedHeader(credential).kid!;
  const published = async ({ keys }: Process) => (await keys.jwks()).keys.map(({ kid }) => kid!);
  const passed = (time: string, kid: string) =>
    owner.query(
      `UPDATE access.signing_key SET signs_from = clock_timestamp() - $1::interval WHERE kid = $2`,
      [time, kid],
    );
  const rotated = async (time: string) => {
    const { kid } = await rotateSigningKey(pool, masterKey, false);
    await passed(time, kid);
    return kid;
  };

  describe('when they start', () => {
    it('are one key, whoever is first', async () => {
      const processes = await Promise.all([1, 2, 3, 4].map(() => start()));
      const kids = await Promise.all(processes.map((one) => published(one)));
      expect(kids[0]).toHaveLength(1);
      expect(new Set(kids.flat()).size).toBe(1);
    });

    it('refuse a process with another master key', async () => {
      await start();
      const stranger = new SigningKeys(pool, new MasterKey(randomBytes(32)));
      await expect(stranger.start()).rejects.toThrow(
        `was wrapped by the master key ${masterKey.id}, which is not among those given here`,
      );
    });
  });

  describe('in a rotation', () => {
    it('publishes the new key at once, and signs with it when its time has come', async () => {
      const process = await start(looking);
      const before = kidOf(await sign(process));
      const { kid, signsFrom } = await rotateSigningKey(pool, masterKey, false);

      expect(await published(process)).toEqual([before, kid]);
      expect(kidOf(await sign(process))).toBe(before);
      const { rows } = await owner.query(`SELECT extract(epoch FROM $1 - clock_timestamp()) AS seconds`, [
        signsFrom,
      ]);
      // The JWKS may be kept for 300 s.
      expect(Number(rows[0].seconds)).toBeGreaterThan(300 + 200);

      await passed('0', kid);
      expect(kidOf(await sign(process))).toBe(kid);
      expect(await published(process)).toEqual([before, kid]);
    });

    it('signs nobody out, at a process that has not looked either', async () => {
      const [here, there] = [await start(looking), await start(notLooking)];
      const before = await sign(here);
      const { kid } = await rotateSigningKey(pool, masterKey, false);
      const during = await sign(here);
      await passed('0', kid);
      const after = await sign(here);

      expect([kidOf(before), kidOf(during), kidOf(after)]).toEqual([kidOf(before), kidOf(before), kid]);
      for (const credential of [before, during, after, before]) {
        expect(await accepts(here, credential)).toBe(true);
        expect(await accepts(there, credential)).toBe(true);
      }
      await rotateSigningKey(pool, masterKey, true);
      expect(await accepts(there, await sign(here))).toBe(true);
    });

    it('leaves nobody who fetched the JWKS before the new key signed without that key', async () => {
      const process = await start(looking);
      const { kid } = await rotateSigningKey(pool, masterKey, false);
      const jwks = createLocalJWKSet(await process.keys.jwks());
      await passed('0', kid);
      const { protectedHeader } = await jwtVerify(await sign(process), jwks, { currentDate: new Date(0) });
      expect(protectedHeader.kid).toBe(kid);
    });

    it('makes one key when it is run twice, and lets that one sign when it is told "at once"', async () => {
      const process = await start(looking);
      const { kid } = await rotateSigningKey(pool, masterKey, false);
      await expect(rotateSigningKey(pool, masterKey, false)).rejects.toMatchObject({
        code: 'SIGNING_KEY_WAITING',
      });
      await rotateSigningKey(pool, masterKey, true);
      expect(kidOf(await sign(process))).toBe(kid);
      expect(await published(process)).toHaveLength(2);
    });

    it('is refused with a master key that the processes do not have', async () => {
      const process = await start(looking);
      const stranger = new MasterKey(randomBytes(32));
      await expect(rotateSigningKey(pool, stranger, true)).rejects.toThrow('not among those given here');
      expect(await published(process)).toHaveLength(1);
    });

    it('does not keep a process from verifying that lacks the master key of the new key', async () => {
      const process = await start(looking);
      const other = new MasterKey(randomBytes(32), [masterKey]);
      const { kid } = await rotateSigningKey(pool, other, true);
      masterKey = other;
      const after = await sign(await start());
      expect(kidOf(after)).toBe(kid);
      expect(await accepts(process, after)).toBe(true);
      await expect(sign(process)).rejects.toThrow(
        `signing key ${kid} was wrapped by the master key ${other.id}`,
      );
    });
  });

  describe('a superseded key', () => {
    it('is published and accepted until 91 days after its last signature, and not longer', async () => {
      const process = await start(looking);
      const old = await sign(process);
      await passed('200 days', kidOf(old));
      const kid = await rotated('90 days 23 hours 59 minutes');
      expect(await published(process)).toEqual([kidOf(old), kid]);
      expect(await accepts(process, old)).toBe(true);

      await passed('91 days', kid);
      expect(await published(process)).toEqual([kid]);
      expect(await accepts(process, old)).toBe(false);
      expect(await accepts(await start(), old)).toBe(false);
    });

    it('has its private half for an hour after its last signature, and not longer', async () => {
      const process = await start(looking);
      const old = kidOf(await sign(process));
      await passed('1 day', old);
      const kid = await rotated('59 minutes');
      const privateHalves = async () => {
        const { rows } = await owner.query(
          'SELECT kid FROM access.signing_key WHERE wrapped_key IS NOT NULL ORDER BY signs_from',
        );
        return rows.map((row) => row.kid as string);
      };
      await process.keys.jwks();
      expect(await privateHalves()).toEqual([old, kid]);

      await passed('1 hour', kid);
      // Whoever looks discards it, and nobody waits for that.
      while ((await privateHalves()).length > 1) await process.keys.jwks();
      expect(await privateHalves()).toEqual([kid]);
      expect(await published(process)).toEqual([old, kid]);
    });
  });

  describe('a key that nobody knows', () => {
    const madeUp = async (kid: string) => {
      const { privateKey } = await generateKeyPair('EdDSA');
      return new SignJWT({ sid: 'session_0000000000000000000000' })
        .setProtectedHeader({ alg: 'EdDSA', typ: 'signoff-session+jwt', kid })
        .setIssuer('signoff')
        .setSubject('ada')
        .setIssuedAt(0)
        .setExpirationTime(1)
        .sign(privateKey);
    };

    const forgeries = (count: number) =>
      Promise.all(Array.from({ length: count }, () => madeUp(randomBytes(32).toString('base64url'))));

    it('causes four looks a second, however often it is tried', async () => {
      const process = await start(notLooking);
      const forged = await forgeries(10);
      const looks = jest.spyOn(pool, 'query');
      const began = performance.now();
      let rounds = 0;
      for (; performance.now() - began < 1_200; rounds++) {
        const answers = await Promise.all(forged.map((credential) => accepts(process, credential)));
        expect(answers).not.toContain(true);
      }
      const seconds = (performance.now() - began) / 1_000;
      expect(rounds).toBeGreaterThan(2);
      expect(looks.mock.calls.length).toBeLessThanOrEqual(Math.ceil(seconds * 4));
    });

    it('costs no credential of a new key its acceptance: that waits for the next look', async () => {
      const [here, there] = [
        await start({ ...notLooking, lookForUnknownEveryMs: 2_000 }),
        await start(looking),
      ];
      await Promise.all((await forgeries(20)).map((credential) => accepts(here, credential)));
      const { kid } = await rotateSigningKey(pool, masterKey, true);
      const fresh = await sign(there);
      expect(kidOf(fresh)).toBe(kid);
      expect(await accepts(here, fresh)).toBe(true);
    });
  });

  describe('in a removal', () => {
    it('ends what every process remembers of it within a second, whether it is asked meanwhile or not', async () => {
      const [busy, idle] = [await start(), await start()];
      const credential = await sign(busy);
      expect(await accepts(busy, credential)).toBe(true);
      expect(await accepts(idle, credential)).toBe(true);

      let removed = false;
      const asking = (async () => {
        while (!removed) {
          await accepts(busy, credential);
          await new Promise((resolve) => setImmediate(resolve));
        }
      })();
      await removeSigningKey(pool, masterKey, kidOf(credential));
      removed = true;
      expect(await accepts(busy, credential)).toBe(false);
      expect(await accepts(idle, credential)).toBe(false);
      await asking;
      for (const process of [busy, idle]) {
        expect(await published(process)).not.toContain(kidOf(credential));
        expect(await accepts(process, await sign(process))).toBe(true);
      }
    });

    it('lets the key that waits sign in its place, and no older one', async () => {
      const process = await start(looking);
      const oldest = kidOf(await sign(process));
      await passed('1 day', oldest);
      const stolen = await rotated('10 minutes');
      const { kid: waiting } = await rotateSigningKey(pool, masterKey, false);
      expect(await removeSigningKey(pool, masterKey, stolen)).toEqual({
        state: 'current',
        successor: waiting,
      });
      expect(kidOf(await sign(process))).toBe(waiting);

      const { successor } = await removeSigningKey(pool, masterKey, waiting);
      expect(kidOf(await sign(process))).toBe(successor);
      expect(await published(process)).toEqual([oldest, successor]);
    });

    it('leaves the current key alone when it is of another', async () => {
      const process = await start(looking);
      const old = await sign(process);
      await passed('1 day', kidOf(old));
      const kid = await rotated('1 minute');
      const { kid: waiting } = await rotateSigningKey(pool, masterKey, false);
      for (const [other, state] of [
        [waiting, 'next'],
        [kidOf(old), 'superseded'],
        [kidOf(old), 'removed'],
      ] as const) {
        expect(await removeSigningKey(pool, masterKey, other)).toEqual({ state, successor: null });
      }
      expect(await published(process)).toEqual([kid]);
      expect(await accepts(process, old)).toBe(false);
      expect(kidOf(await sign(process))).toBe(kid);
    });

    it('destroys the private half, and is refused for a key that never was', async () => {
      const process = await start(looking);
      const kid = kidOf(await sign(process));
      await removeSigningKey(pool, masterKey, kid);
      const { rows } = await owner.query('SELECT wrapped_key FROM access.signing_key WHERE kid = $1', [kid]);
      expect(rows).toEqual([{ wrapped_key: null }]);
      await expect(removeSigningKey(pool, masterKey, `${kid}x`)).rejects.toMatchObject({
        code: 'SIGNING_KEY_UNKNOWN',
      });
    });
  });

  describe('while PostgreSQL is away', () => {
    it('are still published, and what was appended before still gets its credential', async () => {
      const proxy = await startPostgresProxy(database.appUrl);
      const distant = createPool(proxy.url, { max: 2 });
      try {
        const process = await start(looking, distant);
        const credential = await sign(process);
        expect(await accepts(process, credential)).toBe(true);
        await proxy.close();
        expect(await published(process)).toEqual([kidOf(credential)]);
        expect(kidOf(await sign(process))).toBe(kidOf(credential));
        await expect(accepts(process, credential)).rejects.toThrow();
      } finally {
        await distant.end();
      }
    });
  });
});
