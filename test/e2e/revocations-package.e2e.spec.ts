import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from '../../stack/src/free-port.js';
import { tieToLifeOfThisProcess } from '../../stack/src/life-line.js';
import { until } from '../harness/until.js';
import { issue, operatorPath } from './harness/sessions.js';
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

async function compile(more: readonly string[]) {
  const options = '--strict --module nodenext --target es2023 --types node --skipLibCheck'.split(' ');
  await run(process.execPath, [tsc, ...options, ...more], { cwd: folder }).catch(
    (error: { stdout: string }) => {
      throw new Error(error.stdout);
    },
  );
}

const readme = () => readFile(join(source, 'README.md'), 'utf8');
/** The code below a heading, and that alone: not what stands below the next. */
const codeBelow = async (heading: string, language = 'js') => {
  const [, section] = (await readme()).split(new RegExp(`^#+ ${heading}$`, 'm'));
  const blocks = section!.split(/^#+ /m)[0]!.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'));
  return [...blocks].map(([, code]) => code!);
};

/** Stands for what a newcomer has already. */
const given = (port: number) => `
  const nats = { servers: ${JSON.stringify(world.nats.url)} };
  const jwks = ${JSON.stringify(`${api.url}/.well-known/jwks.json`)};
  const port = ${port};
`;

const frameworks = [
  'express',
  'fastify',
  'ws',
  'reflect-metadata',
  '@nestjs/common',
  '@nestjs/core',
  '@nestjs/platform-express',
  '@nestjs/websockets',
  '@types/ws',
];

/** Runs it, asks it for /account before and after the end of a session, and ends it. */
async function expectToRefuseTheEnded(file: string, port: number) {
  const child = spawn(process.execPath, [join(folder, file)], {
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const lifeLine = tieToLifeOfThisProcess(child.pid!, 'SIGKILL');
  const { token, accessToken } = await issue(api.service, 'ada');
  const ask = (headers: Record<string, string>) =>
    fetch(`http://127.0.0.1:${port}/account`, { headers: { connection: 'close', ...headers } });
  const answer = await until(
    () => ask({ authorization: `Bearer ${accessToken}` }).catch(() => undefined),
    (response) => response !== undefined,
  );
  expect([answer!.status, await answer!.json()]).toEqual([200, { accountId: 'ada' }]);
  expect((await ask({})).status).toBe(401);
  await api.service.delete(`${operatorPath('ada')}/${token}`, { headers: { prefer: 'wait=5' } });
  expect((await ask({ authorization: `Bearer ${accessToken}` })).status).toBe(401);
  child.kill('SIGKILL');
  await once(child, 'exit');
  lifeLine.cut();
}

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
    const [example] = await codeBelow('Example');
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
    const [forTests] = await codeBelow('Tests of your service');
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

  it('deletes from a store what its README says, and has the command that this names', async () => {
    const [shared] = await codeBelow('A store that processes share');
    await writeFile(join(folder, 'shared.js'), `const redis = { del: console.log }; ${shared!}`);
    const child = spawn(process.execPath, [join(folder, 'shared.js')], {
      env: { PATH: process.env.PATH, NATS_URL: world.nats.url },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lifeLine = tieToLifeOfThisProcess(child.pid!, 'SIGKILL');
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const { token } = await issue(api.service, 'ada');
    await end(api, token);
    for (let line = ''; line !== `session:${token}`;) line = (await lines.next()).value as string;
    child.kill('SIGTERM');
    const [code] = await once(child, 'exit');
    lifeLine.cut();
    expect(code).toBe(0);
    const installed = join(folder, 'node_modules/@signoff/revocations');
    const { bin } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as {
      bin: Record<string, string>;
    };
    const [[name, file]] = Object.entries(bin) as [[string, string]];
    const { stdout } = await run(process.execPath, [join(installed, file), '--help']);
    expect(stdout).toContain(`Usage: ${name} <command>`);
    expect(await readme()).toContain(`npx ${name} `);
  });

  it('loads no framework, and needs none but where it is for one', async () => {
    const load = (entry: string) =>
      run(process.execPath, ['-e', `import('@signoff/revocations${entry}')`], { cwd: folder });
    for (const entry of ['', '/testing', '/live', '/express', '/fastify', '/shared-store']) await load(entry);
    await expect(load('/nestjs')).rejects.toThrow("Cannot find package '@nestjs/common'");
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
    await compile(['--noEmit', 'user.ts']);
  });

  describe('beside the frameworks', () => {
    beforeAll(async () => {
      await mkdir(join(folder, 'node_modules/@nestjs'));
      for (const name of frameworks) {
        await symlink(join(root, 'node_modules', name), join(folder, 'node_modules', name));
      }
    });

    it.each(['Express', 'Fastify'])('does in a service on %s what its README says', async (framework) => {
      const [code] = await codeBelow(framework);
      expect(code!.trim().split('\n').length).toBeLessThanOrEqual(10 + 1);
      const port = await freePort();
      await writeFile(join(folder, `${framework}.js`), given(port) + code!);
      await expectToRefuseTheEnded(`${framework}.js`, port);
    });

    it('does in a service on NestJS what its README says', async () => {
      const [service, gateway] = await codeBelow('NestJS', 'ts');
      const port = await freePort();
      await writeFile(
        join(folder, 'nest.ts'),
        `import { NestFactory } from '@nestjs/core'; ${given(port)} ${service}
        await (await NestFactory.create(AppModule, { logger: ['error'] })).listen(port);`,
      );
      await writeFile(
        join(folder, 'gateway.ts'),
        `import type { IncomingMessage } from 'node:http';
        import { type OnGatewayConnection, WebSocketGateway } from '@nestjs/websockets';
        import { SocketSessions } from '@signoff/revocations/nestjs';
        import type { WebSocket } from 'ws';
        ${gateway}`,
      );
      const decorators = ['--experimentalDecorators', '--emitDecoratorMetadata'];
      await compile([...decorators, 'nest.ts', 'gateway.ts']);
      await expectToRefuseTheEnded('nest.js', port);
    });
  });

  it('names every code of an error in its README, and its options with their defaults', async () => {
    const text = await readme();
    const codes = [
      ...(await readFile(join(source, 'src/revocations-error.ts'), 'utf8')).matchAll(/^ {2}\| '(\w+)'/gm),
    ];
    expect(codes.length).toBeGreaterThan(10);
    expect(codes.map(([, code]) => code!).filter((code) => !text.includes(`\`${code}\``))).toEqual([]);
    for (const file of ['connect.ts', 'shared-store/forget-sessions.ts']) {
      const declaration = await readFile(join(source, 'src', file), 'utf8');
      const [, declared] = /^export interface \w+Options \{\n(.*?)^\}/ms.exec(declaration)!;
      const options = [...declared!.matchAll(/^ {2}readonly (\w+)\??: /gm)].map(([, option]) => option!);
      expect(options.length).toBeGreaterThan(5);
      expect(options.filter((option) => !new RegExp(`^\\| .*\`${option}\`.* \\|`, 'm').test(text))).toEqual(
        [],
      );
    }
  });
});
