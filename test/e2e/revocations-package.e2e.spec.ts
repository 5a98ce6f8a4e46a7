import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tieToLifeOfThisProcess } from '../../stack/src/life-line.js';
import { until } from '../harness/until.js';
import { issue } from './harness/sessions.js';
import { end } from './harness/subscribers.js';
import { type Api, World } from './harness/world.js';

const root = join(import.meta.dirname, '../..');
const source = join(root, 'libs/revocations');
const tsc = join(root, 'node_modules/typescript/bin/tsc');
const run = promisify(execFile);

/** A project beside this one that has installed the package, and of the rest only what the package names. */
async function projectWithThePackage(): Promise<string> {
  const folder = await mkdtemp(join(process.env.SIGNOFF_TEST_FOLDER!, 'package-'));
  const installed = join(folder, 'node_modules/@signoff/revocations');
  await mkdir(join(folder, 'node_modules/@types'), { recursive: true });
  await run(process.execPath, [
    tsc,
    '-p',
    join(source, 'tsconfig.build.json'),
    '--outDir',
    join(installed, 'dist'),
  ]);
  await cp(join(source, 'package.json'), join(installed, 'package.json'));
  const { dependencies } = JSON.parse(await readFile(join(source, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  await mkdir(join(folder, 'node_modules/@nats-io'));
  for (const name of [...Object.keys(dependencies), '@nats-io/nats-core', '@types/node']) {
    await symlink(join(root, 'node_modules', name), join(folder, 'node_modules', name));
  }
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  return folder;
}

const readme = () => readFile(join(source, 'README.md'), 'utf8');
const blocksOf = (text: string) => [...text.matchAll(/^```js\n(.*?)^```/gms)].map(([, code]) => code!);

let folder: string;
let world: World;
let api: Api;

beforeAll(async () => {
  [folder, world] = await Promise.all([projectWithThePackage(), World.create()]);
  api = await world.startApi();
});
afterAll(async () => {
  await world.stop();
  await rm(folder, { recursive: true });
});

describe('the package, installed somewhere else', () => {
  it('runs the example of its README', async () => {
    const [example] = blocksOf(await readme());
    await writeFile(join(folder, 'example.js'), example!);
    const child = spawn(process.execPath, [join(folder, 'example.js')], {
      env: {
        PATH: process.env.PATH,
        PORT: '0',
        NATS_URL: world.nats.url,
        JWKS_URL: `${api.url}/.well-known/jwks.json`,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lifeLine = tieToLifeOfThisProcess(child.pid!, 'SIGKILL');
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    const url = `http://127.0.0.1:${/\d+$/.exec(line)![0]}`;
    const ask = async (credential: string) => {
      const headers = { authorization: `Bearer ${credential}`, connection: 'close' };
      const answer = await fetch(url, { headers });
      return `${answer.status} ${await answer.text()}`;
    };
    const { token, accessToken } = await issue(api.service, 'ada');
    expect(await ask(accessToken)).toBe('200 Hello ada\n');
    expect(await ask('nonsense')).toBe('401 CREDENTIAL_MALFORMED\n');
    await end(api, token);
    await until(
      () => ask(accessToken),
      (answer) => answer === '401 SESSION_REVOKED\n',
    );
    child.kill('SIGTERM');
    const [code] = await once(child, 'exit');
    lifeLine.cut();
    expect(code).toBe(0);
  });

  it('does in tests what its README says', async () => {
    const [, forTests] = blocksOf(await readme());
    const code = forTests!
      .replace(
        /^await (.*\)); \/\/ throws (\w+)$/m,
        (_, call: string, expected: string) =>
          `await ${call}.then(() => process.exit(1), ({ code }) => code === '${expected}' || process.exit(2));`,
      )
      .concat(`if (revocations.staleness() !== Infinity) process.exit(3);`);
    expect(code).toContain("=== 'SESSION_REVOKED'");
    await writeFile(join(folder, 'test.js'), code);
    await run(process.execPath, [join(folder, 'test.js')]);
  });

  it('has types, without any of ours', async () => {
    const user = `
      import { connect, RevocationsError, type Revocations, type VerifiedSession } from '@signoff/revocations';
      import { fakeRevocations } from '@signoff/revocations/testing';
      const all: Revocations[] = [connect({ nats: {}, service: 'billing', maxStaleness: 5_000 }), fakeRevocations()];
      export const ended: boolean = all[0]!.isRevoked('session_');
      export const session: Promise<VerifiedSession> = all[1]!.verifySession('');
      export const code = (error: RevocationsError) => error.code === 'SESSION_REVOKED';
      // @ts-expect-error
      export const wrong = (error: RevocationsError) => error.code === 'NO_SUCH_CODE';
    `;
    await writeFile(join(folder, 'user.ts'), user);
    const options = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2023',
      '--types',
      'node',
      '--skipLibCheck',
    ];
    await run(process.execPath, [tsc, ...options, 'user.ts'], { cwd: folder }).catch(
      (error: { stdout: string }) => {
        throw new Error(error.stdout);
      },
    );
  });

  it('names every code of an error in its README, and its options with their defaults', async () => {
    const text = await readme();
    const codes = [
      ...(await readFile(join(source, 'src/revocations-error.ts'), 'utf8')).matchAll(/^ {2}\| '(\w+)'/gm),
    ];
    expect(codes.length).toBeGreaterThan(10);
    expect(codes.map(([, code]) => code!).filter((code) => !text.includes(`\`${code}\``))).toEqual([]);
    const options = [
      ...(await readFile(join(source, 'src/connect.ts'), 'utf8')).matchAll(/^ {2}readonly (\w+)\??: /gm),
    ];
    expect(
      options.map(([, option]) => option!).filter((option) => !text.includes(`| \`${option}\` `)),
    ).toEqual([]);
  });
});
