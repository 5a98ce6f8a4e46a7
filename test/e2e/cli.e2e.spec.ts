import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseCheckpoint } from '#event-log/checkpoint.js';
import { openNote, parseVerifier } from '#event-log/signed-note.js';
import { until } from '../harness/until.js';
import { createKey, issue, listedBy, operatorPath } from './harness/sessions.js';
import { signoff } from './harness/signoff.js';
import { devices } from './harness/devices.js';
import { type Api, World } from './harness/world.js';

let world: World;
let api: Api;
let variables: Record<string, string>;

beforeAll(async () => {
  world = await World.create();
  api = await world.startApi();
  variables = { SIGNOFF_URL: api.url, SIGNOFF_KEY: world.bootstrapKey };
});
afterAll(() => world.stop());

const run = (...args: string[]) => signoff(args, variables);
/** What a command prints that has to be done, and to say nothing else. */
const printed = async (...args: string[]) => {
  const { exit, out, err } = await run(...args);
  expect([exit, err]).toEqual([0, '']);
  return out;
};
const json = async (...args: string[]): Promise<any> => JSON.parse(await printed(...args, '--json'));

const COMMANDS = [
  'verify',
  'audit',
  'export',
  'checkpoint',
  'checkpoint make',
  'checkpoint latest',
  'checkpoint list',
  'checkpoint key',
  'keys',
  'keys list',
  'keys create',
  'keys revoke',
  'sessions',
  'sessions list',
  'sessions revoke',
  'sessions revoke-all',
  'erase',
  'rebuild',
];

describe('signoff', () => {
  it('tells of every command and of itself, and needs nothing for it', async () => {
    for (const command of ['', ...COMMANDS]) {
      const { exit, out, err } = await signoff([...command.split(' '), '--help'].filter(Boolean));
      expect([command, exit, err]).toEqual([command, 0, '']);
      expect(out).toMatch(new RegExp(`^Usage: signoff ${command}`));
    }
    expect((await signoff(['--help'])).out).toMatch(/SIGNOFF_KEY[^]+DATABASE_URL[^]+It exits with 0/);
    expect(await signoff(['--version'])).toMatchObject({ exit: 0, out: '0.1.0\n' });
  });

  it.each([
    ['nothing', []],
    ['a command that there is not', ['frobnicate']],
    ['half a command', ['keys']],
    ['an option that there is not', ['audit', '--frobnicate']],
    ['an argument too many', ['sessions', 'list', 'ada', 'bob']],
    ['an argument too few', ['sessions', 'revoke', 'ada']],
    ['a number that is none', ['audit', '--limit', 'many']],
    ['a kind of key that there is not', ['keys', 'create', '--name', 'x', '--kind', 'master']],
    ['checkpoints and no key', ['verify', '--checkpoints', 'x']],
  ])('called wrongly, with %s, exits with 2 and says why', async (_, args) => {
    const { exit, out, err } = await run(...args);
    expect([exit, out]).toEqual([2, '']);
    expect(err).toMatch(/^(error: .+\n\(--help tells more\)\n|Usage: signoff)/);
  });

  it.each([
    ['no key', { SIGNOFF_KEY: undefined }, /^SIGNOFF_KEY: is missing: a service key of the API\n$/],
    ['a URL that is none', { SIGNOFF_URL: 'api' }, /^SIGNOFF_URL: must be a URL of http or https\n$/],
    ['nobody there', { SIGNOFF_URL: 'http://127.0.0.1:9' }, /^http:\/\/127.0.0.1:9 cannot be reached: .+\n$/],
    ['a wrong key', { SIGNOFF_KEY: 'wrong' }, /^CREDENTIAL_INVALID: .+\n$/],
  ])('with %s exits with 1, and says it in one line', async (_, change, line) => {
    const { exit, out, err } = await signoff(['keys', 'list'], { ...variables, ...change });
    expect([exit, out, err]).toEqual([1, '', expect.stringMatching(line)]);
  });

  it('names the fields that the API does not take', async () => {
    const { exit, err } = await run('keys', 'create', '--kind', 'account', '--name', 'x');
    expect([exit, err]).toEqual([
      1,
      expect.stringMatching(/^INPUT_INVALID: the input is invalid; accountId .+\n$/),
    ]);
  });

  it('takes where and by which key from options as well', async () => {
    const { exit } = await signoff(['keys', 'list', '--url', api.url, '--key', world.bootstrapKey]);
    expect(exit).toBe(0);
  });
});

describe('signoff keys', () => {
  it('makes a key and prints nothing else, lists it, and revokes it', async () => {
    const created = await run(
      'keys',
      'create',
      '--kind',
      'service',
      '--name',
      'login',
      '--scope',
      'sessions:read',
      '--scope',
      'sessions:issue',
    );
    expect(created).toMatchObject({ exit: 0, out: expect.stringMatching(/^key_\S+\.\S+\n$/) });
    const key = created.out.trim();
    const id = key.split('.')[0]!;
    expect(await listedBy(api.as(key), operatorPath('nobody'))).toEqual([]);
    expect(await printed('keys', 'list')).toMatch(
      new RegExp(`^id +kind +name[^]*\n${id} +service +login +- +sessions:read,sessions:issue `),
    );
    expect((await json('keys', 'list')).data).toMatchObject([{ id, name: 'login' }]);
    expect(await printed('keys', 'revoke', id)).toBe(`${id} is revoked\n`);
    expect((await api.as(key).get(operatorPath('nobody'))).status).toBe(401);
    expect(await run('keys', 'revoke', id)).toMatchObject({
      exit: 1,
      err: expect.stringMatching(/^API_KEY_NOT_FOUND: /),
    });
  });
});

describe('signoff sessions', () => {
  it('lists the sessions of an account over all pages, and ends one or all', async () => {
    const account = 'a/b c';
    const tokens: string[] = [];
    for (let i = 0; i < 101; i++) tokens.unshift((await issue(api.service, account, devices[0]!.sent)).token);
    expect((await json('sessions', 'list', account)).data.map(({ token }: any) => token)).toEqual(tokens);
    expect((await printed('sessions', 'list', account)).split('\n')).toHaveLength(103);
    expect(await printed('sessions', 'revoke', account, tokens[0]!, '--note', 'lost')).toBe(
      `${tokens[0]} has ended\n`,
    );
    expect(await json('sessions', 'revoke', account, tokens[1]!)).toEqual({
      data: { revoked: true, currentSessionRevoked: false },
    });
    expect(await printed('sessions', 'revoke-all', account)).toBe('99 sessions have ended\n');
    expect(await listedBy(api.service, operatorPath(account))).toEqual([]);
  });

  it('prints nothing that moves the cursor of a terminal', async () => {
    await createKey(api.service, { kind: 'service', name: '\u001b[2Jred', scopes: ['sessions:read'] });
    expect(await printed('keys', 'list')).toContain('\\u001b[2Jred');
  });
});

describe('signoff erase', () => {
  it('does nothing without --yes, and says what it would do', async () => {
    await issue(api.service, 'eve', devices[0]!.sent);
    const { exit, out, err } = await run('erase', 'eve');
    expect([exit, out, err]).toEqual([
      1,
      '',
      expect.stringMatching(/^addresses, .+"eve".+repeat it with --yes\n$/),
    ]);
    expect((await json('sessions', 'list', 'eve')).data[0].ipAddress).toBe(devices[0]!.shown.ipAddress);
  });

  it('erases what is personal, and leaves the session', async () => {
    expect(await printed('erase', 'eve', '--yes')).toMatch(/^erased: \d{4}-\d\d/);
    expect((await json('sessions', 'list', 'eve')).data).toMatchObject([{ ipAddress: null }]);
    expect(await printed('erase', 'eve', '--yes')).toBe('there was nothing to erase\n');
  });
});

describe('signoff checkpoint', () => {
  it('prints notes that can be kept, and the key that they are signed with', async () => {
    const made = await printed('checkpoint', 'make');
    const keys = (await printed('checkpoint', 'key')).trimEnd().split('\n').map(parseVerifier);
    expect(parseCheckpoint(openNote(made, keys))).toMatchObject({ epoch: 1 });
    expect(await printed('checkpoint', 'latest')).toBe(made);
    const { data } = await json('checkpoint', 'latest');
    expect(data.note).toBe(made);
    expect(await printed('checkpoint', 'list', '--after', String(data.number - 1))).toBe(made);
    expect(JSON.parse((await printed('checkpoint', 'list', '--json')).trimEnd().split('\n').at(-1)!)).toEqual(
      data,
    );
    await issue(api.service, 'kim');
    expect((await json('checkpoint', 'make')).data.number).toBe(data.number + 1);
  });
});

describe('signoff audit', () => {
  it('shows what happened, filtered and page by page', async () => {
    await world.startProjector();
    const { token } = await issue(api.service, 'zoe');
    await printed('sessions', 'revoke', 'zoe', token);
    await until(
      () => json('audit', '--account', 'zoe'),
      ({ data }) => data.length === 2,
    );
    const { exit, out, err } = await run('audit', '--account', 'zoe', '--limit', '1');
    const [, position] =
      /^position .+\n(\d+) +\S+ +SessionRevoked +zoe +session_\w+ +service bootstrap +operator/.exec(out)!;
    expect([exit, err]).toEqual([0, `there is more: --before ${position}\n`]);
    expect(await printed('audit', '--account', 'zoe', '--before', position!)).toContain(' SessionIssued ');
    expect((await json('audit', '--session', token, '--type', 'SessionRevoked')).data).toHaveLength(1);
  });
});
