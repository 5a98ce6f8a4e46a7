import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { openNote, parseVerifier } from '#event-log/signed-note.js';
import { keysRotate } from './harness/keys-rotate.js';
import { dataOf, issue, type Issued, listedBy, operatorPath } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

const OWN = '/api/account/sessions';
const KID = /[\w-]{43}/;

const kidOf = ({ accessToken }: Issued) => decodeProtectedHeader(accessToken).kid!;
const jwksOf = async (api: Api) => (await api.as().get('/.well-known/jwks.json')).body as JSONWebKeySet;
const publishedBy = async (api: Api) => (await jwksOf(api)).keys.map(({ kid }) => kid);
const isActive = async (api: Api, { accessToken }: Issued) =>
  ((await api.service.postForm('/api/introspect', { token: accessToken })).body as { active: boolean })
    .active;
/** What a credential's holder is told. */
const answersTo = async (api: Api, { accessToken }: Issued) => (await api.as(accessToken).get(OWN)).status;

let world: World;
let here: Api;
let there: Api;

beforeAll(async () => {
  world = await World.create();
  [here, there] = await Promise.all([world.startApi(), world.startApi()]);
});
afterAll(() => world.stop());

/** Its time comes now. */
const letSign = (kid: string) =>
  world.owner.query('UPDATE access.signing_key SET signs_from = clock_timestamp() WHERE kid = $1', [kid]);

/** The first session that is signed with the key: the process learns within a second that its time has come. */
async function issuedWith(kid: string, accountId: string): Promise<Issued> {
  for (;;) {
    const session = await issue(here.service, accountId);
    if (kidOf(session) === kid) return session;
  }
}

describe('rotating the signing key', () => {
  let before: Issued;
  let next: string;
  let known: JSONWebKeySet;

  it('publishes the new key at every process before anything is signed with it', async () => {
    before = await issue(here.service, 'ada');
    const { exit, said } = await keysRotate(world, ['signing']);
    expect([exit, said]).toEqual([
      0,
      expect.stringMatching(/is published at every API process, and signs from 2/),
    ]);
    next = KID.exec(said)![0];

    for (const api of [here, there]) {
      expect(await publishedBy(api)).toEqual([kidOf(before), next]);
      expect(kidOf(await issue(api.service, 'ada'))).toBe(kidOf(before));
    }
    known = await jwksOf(here);
  });

  it('lists both', async () => {
    const { exit, said } = await keysRotate(world, ['list']);
    const [, ...lines] = said.split('\n');
    expect(exit).toBe(0);
    expect(lines.map((line) => line.split(/ +/, 2))).toEqual([
      [kidOf(before), 'current'],
      [next, 'next'],
    ]);
  });

  it('signs nobody out: credentials from before and after are good at every process', async () => {
    await letSign(next);
    const after = await issuedWith(next, 'ada');
    for (const api of [here, there]) {
      for (const session of [before, after]) {
        expect([await answersTo(api, session), await isActive(api, session)]).toEqual([200, true]);
      }
    }
    await jwtVerify(after.accessToken, createLocalJWKSet(known));
  });

  it('signs nobody out at a process that stood still meanwhile', async () => {
    there.freeze();
    const { exit, said } = await keysRotate(world, ['signing', '--at-once']);
    expect([exit, said]).toEqual([0, expect.stringContaining('signs at every API process')]);
    const after = await issue(here.service, 'ada');
    expect(kidOf(after)).toBe(KID.exec(said)![0]);
    there.thaw();
    expect(await answersTo(there, after)).toBe(200);
    expect(await answersTo(there, before)).toBe(200);
  });

  it('retires the old key when its last credential has expired', async () => {
    await world.owner.query(
      `UPDATE access.signing_key SET signs_from = signs_from - interval '91 days' WHERE kid = ANY($1)`,
      [[kidOf(before), next]],
    );
    const { said } = await keysRotate(world, ['list']);
    expect(said).toMatch(new RegExp(`^${kidOf(before)} +retired`, 'm'));
    for (const api of [here, there]) {
      while ((await publishedBy(api)).includes(kidOf(before)));
      expect(await publishedBy(api)).toContain(next);
    }
  });
});

describe('removing the signing key in an emergency', () => {
  let stolen: Issued;
  let frozen: Api;

  beforeAll(async () => {
    frozen = await world.startApi();
    stolen = await issue(here.service, 'eve');
    for (const api of [here, there, frozen]) await listedBy(api.as(stolen.accessToken));
  });

  it('says what it means, and changes nothing without --yes', async () => {
    const { exit, said } = await keysRotate(world, ['remove', kidOf(stolen)]);
    expect(exit).toBe(1);
    expect(said).toContain('will get 401');
    expect(said).toContain('CONFIRMATION_MISSING');
    expect(await answersTo(here, stolen)).toBe(200);
    expect(await publishedBy(here)).toContain(kidOf(stolen));
  });

  it('is refused for a key that never was, one that begins like an option included', async () => {
    const { exit, said } = await keysRotate(world, ['remove', '-'.repeat(43), '--yes']);
    expect([exit, said]).toEqual([1, expect.stringContaining('SIGNING_KEY_UNKNOWN')]);
  });

  it('ends every credential of it at every process before the command ends', async () => {
    frozen.freeze();
    const { exit, said } = await keysRotate(world, ['remove', kidOf(stolen), '--yes']);
    expect([exit, said]).toEqual([0, expect.stringContaining('signs in its place')]);
    for (const api of [here, there]) {
      expect([await answersTo(api, stolen), await isActive(api, stolen)]).toEqual([401, false]);
      expect(await publishedBy(api)).not.toContain(kidOf(stolen));
    }
    frozen.thaw();
    expect(await answersTo(frozen, stolen)).toBe(401);
    expect(await isActive(frozen, stolen)).toBe(false);
    expect(await publishedBy(frozen)).not.toContain(kidOf(stolen));
  });

  it('leaves the sessions: they are listed, and an extension gives a credential that is good', async () => {
    expect(await listedBy(here.service, operatorPath('eve'))).toEqual([stolen.token]);
    const extended = dataOf(
      await here.service.send('PATCH', `/api/sessions/${stolen.token}`, {
        body: { expiresInSeconds: 7_000_000 },
      }),
    ) as Issued;
    expect(kidOf(extended)).not.toBe(kidOf(stolen));
    for (const api of [here, there, frozen]) expect(await answersTo(api, extended)).toBe(200);
  });

  it('accepts no credential of it again after a start', async () => {
    const fresh = await world.startApi();
    expect(await answersTo(fresh, stolen)).toBe(401);
  });
});

describe('replacing the key that signs checkpoints', () => {
  const published = async () =>
    (await here.as().get('/.well-known/signoff-checkpoint-key')).text.trimEnd().split('\n');
  const checkpointBy = async (api: Api) =>
    (dataOf(await api.service.post('/api/audit/checkpoints', undefined), 201) as { note: string }).note;

  it('has every process sign with the new one, and leaves the old one to check what it has signed', async () => {
    const before = await checkpointBy(here);
    const [old] = await published();
    const { exit, said } = await keysRotate(world, ['checkpoint']);
    const keys = await published();
    expect(keys).toEqual([expect.not.stringContaining(old!), old]);
    expect([exit, said]).toEqual([0, expect.stringContaining(`${keys[0]} signs checkpoints from now on`)]);
    await issue(there.service, 'ada');
    const after = await checkpointBy(there);
    const [newer, older] = keys.map(parseVerifier);
    openNote(after, [newer!]);
    openNote(before, [older!]);
    expect(() => openNote(after, [older!])).toThrow('none of the keys');
  });
});

describe('calling it wrongly', () => {
  it.each([
    [[]],
    [['nonsense']],
    [['list', '--yes']],
    [['remove', '--yes']],
    [['signing', '--now']],
    [['checkpoint', '--yes']],
  ])('exits with 2 and says so: %j', async (args) => {
    const { exit, said } = await keysRotate(world, args);
    expect([exit, said]).toEqual([2, expect.stringContaining('--help tells the commands')]);
  });

  it('explains itself without any environment', async () => {
    const { exit, said } = await keysRotate(world, ['--help'], { DATABASE_URL: '', MASTER_KEY: '' });
    expect([exit, said]).toEqual([0, expect.stringContaining('Usage: npm run keys:rotate')]);
  });

  it('names each variable that is bad', async () => {
    const { exit, said } = await keysRotate(world, ['list'], {
      MASTER_KEY: 'no',
      PREVIOUS_MASTER_KEYS: 'no',
    });
    expect(exit).toBe(1);
    expect(said).toMatch(/^MASTER_KEY: /m);
    expect(said).toMatch(/^PREVIOUS_MASTER_KEYS\.0: /m);
  });

  it('fails with one line when PostgreSQL is not there', async () => {
    const away = new URL(world.database.appUrl);
    away.port = '1';
    const { exit, said } = await keysRotate(world, ['list'], { DATABASE_URL: away.href });
    expect([exit, said.split('\n')]).toEqual([1, [expect.stringMatching(/^failed: .*ECONNREFUSED/)]]);
  });
});
