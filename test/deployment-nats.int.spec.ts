import { execFile } from 'node:child_process';
import { mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { findNatsServer } from '../stack/src/nats-binary.js';

interface Server {
  readonly command: string[];
  readonly environment: Record<string, string>;
}

const root = join(import.meta.dirname, '..');
const serverOf = async (path: string, name: string) => {
  const text = await readFile(join(root, path), 'utf8');
  const { services } = parse(text, { merge: true, logLevel: 'silent' }) as {
    services: Record<string, Server>;
  };
  return services[name]!;
};

const VARIABLE = /\$\{(\w+)(?::\?[^}]*)?\}/g;
const interpolate = (text: string, passwords: Readonly<Record<string, string>>) =>
  text.replaceAll(VARIABLE, (_, name: string) => passwords[name]!);

/** What nats-server says of its configuration, started as the compose file does and told to look at it alone. */
async function judge(command: readonly string[], environment: Readonly<Record<string, string>>) {
  const storeDir = await mkdtemp(join(process.env.SIGNOFF_TEST_FOLDER!, 'nats-'));
  const args = command.map((one) =>
    one
      .replace('/etc/nats/nats.conf', join(root, 'deploy/nats.conf'))
      .replace(/^(.*)\/data$/, `$1${storeDir}`),
  );
  const binary = await findNatsServer(() => undefined);
  const { stderr } = await promisify(execFile)(binary, ['-t', ...args], { env: environment });
  return stderr;
}

describe('the configuration of nats-server', () => {
  const { NATS_API_PASSWORD: _, ...some } = Object.fromEntries(
    ['API', 'PROJECTOR', 'BILLING', 'LOGIN', 'ROUTES'].map((of) => [`NATS_${of}_PASSWORD`, `${of}a1`]),
  );

  // As `openssl rand -hex` may make them.
  it.each(['a0b1', '12e4ff', '1234', '5eb', '0x12', 'true'])(
    'is good with the password %s',
    async (password) => {
      const passwords = { ...some, NATS_API_PASSWORD: password };
      const single = await serverOf('docker-compose.yml', 'nats');
      const environment = Object.fromEntries(
        Object.entries(single.environment).map(([name, value]) => [name, interpolate(value, passwords)]),
      );
      expect(await judge(single.command, environment)).toContain('is valid');
      for (const name of ['nats', 'nats-2', 'nats-3']) {
        const { command } = await serverOf('docker-compose.cluster.yml', name);
        const told = command.map((one) => interpolate(one, passwords));
        expect(await judge(told, environment)).toContain('is valid');
      }
    },
  );

  it('is refused when a password is missing', async () => {
    const { command } = await serverOf('docker-compose.yml', 'nats');
    await expect(judge(command, some)).rejects.toThrow('NATS_API_PASSWORD');
  });
});
