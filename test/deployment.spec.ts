import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import type { z } from 'zod';
import { namesOf } from '#bus/subjects.js';
import { EVENT_TYPES } from '#event-log/event-types.js';
import { configSchema as projectorSchema, rebuildSchema } from '../apps/session-projector/src/config.js';
import { configSchema as apiSchema } from '../apps/sessions-api/src/config.js';
import { environmentSchema } from '../stack/src/environment.js';

const root = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const all = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, first]) => first!);
const sorted = (names: Iterable<string>) => [...new Set(names)].sort();

const sources = (...folders: string[]) =>
  folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !path.endsWith('.spec.ts'))
      .map((path) => join(folder, path)),
  );

type Schema = z.ZodObject<Record<string, z.ZodType>>;

/** Each variable of a schema with its default as text, '' where it has none. */
const defaultsOf = ({ shape }: Schema) =>
  new Map(
    Object.entries(shape).map(([name, field]) => {
      const { data } = field.safeParse(undefined) as { data?: string | number };
      return [name, String(data ?? '')];
    }),
  );

const requiredBy = ({ shape }: Schema) =>
  Object.keys(shape).filter((name) => !shape[name]!.safeParse(undefined).success);

const schemas = {
  'sessions-api': apiSchema,
  'session-projector': projectorSchema,
  rebuild: rebuildSchema,
  stack: environmentSchema,
};
/** What ends by itself. */
const TASKS = ['migrate', 'rebuild'];
const ofMigration = all(read('apps/sessions-api/src/migrate.ts'), /\b([A-Z_]+_URL): postgresUrl/g);
const readDirectly = sources('apps', 'libs', 'stack')
  .flatMap((path) => all(read(path), /process\.env\.([A-Z_]+)/g))
  .filter((name) => name !== 'PATH');

const example = new Map(
  [...read('.env.example').matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name!, value!]),
);

const composeText = read('docker-compose.yml');
interface Service {
  readonly image: string;
  readonly build?: string;
  readonly command?: string[];
  readonly environment?: Record<string, string>;
  readonly depends_on?: Record<string, { condition: string }>;
  readonly profiles?: string[];
  readonly ports?: string[];
  readonly volumes?: string[];
  readonly healthcheck?: { test: string[] };
  readonly restart: string;
  readonly pids_limit: number;
  readonly deploy: { resources: { limits: Record<string, unknown> } };
}
const compose = parse(composeText, { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, null>;
};
const service = (name: string) => compose.services[name]!;
const interpolated = all(composeText + read('docker-compose.cluster.yml'), /\$\{([A-Z_]+)/g);
const natsConf = read('deploy/nats.conf');

describe('.env.example', () => {
  it('names every variable that is read, and no other', () => {
    const known = Object.values(schemas).flatMap((schema) => Object.keys(schema.shape));
    expect(sorted(example.keys())).toEqual(
      sorted([...known, ...ofMigration, ...readDirectly, ...interpolated]),
    );
  });

  it.each(['sessions-api', 'session-projector'] as const)('gives the defaults of %s', (app) => {
    const defaults = defaultsOf(schemas[app]);
    expect(new Map([...defaults.keys()].map((name) => [name, example.get(name)]))).toEqual(defaults);
  });

  it('gives the defaults of npm start', () => {
    const defaults = [...defaultsOf(environmentSchema)].filter(([, value]) => value !== '');
    expect(defaults.map(([name]) => [name, example.get(name)])).toEqual(defaults);
  });

  it('tells in the line above what each variable is', () => {
    const undescribed = all(read('.env.example'), /(?<!^#.*\n)^([A-Z_]+)=/gm);
    expect(undescribed).toEqual([]);
  });

  it('is good for npm start as it is', () => {
    const given = [...example].filter(([, value]) => value !== '');
    expect(environmentSchema.safeParse(Object.fromEntries(given)).success).toBe(true);
  });
});

describe('the image', () => {
  const dockerfile = read('Dockerfile');
  const stages = dockerfile.split(/^(?=FROM )/m).slice(1);
  const last = stages.at(-1)!;

  it('copies what exists and what .dockerignore lets through', () => {
    const copied = all(dockerfile, /^COPY (?!--from)(.+) \S+$/gm).flatMap((names) => names.split(' '));
    const letThrough = all(read('.dockerignore'), /^!(.+)$/gm);
    expect(sorted(copied)).toEqual(sorted(letThrough));
    expect(copied.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it('runs on Node 24, as somebody else than root', () => {
    expect(all(dockerfile, /^FROM node:(\d+)-\S+-slim/gm)).toEqual(['24', '24']);
    expect(all(last, /^USER (\w+)$/gm)).toEqual(['node']);
  });

  it('holds what runs, and no development dependency', () => {
    expect(last).toMatch(/^COPY --from=dependencies \S+\/node_modules node_modules$/m);
    const dependencies = stages.find((stage) => stage.includes(' AS dependencies'));
    expect(dependencies).toMatch(/^RUN npm ci --omit=dev --ignore-scripts/m);
    expect(all(last, /^COPY --from=build \S+ (\S+)$/gm).sort()).toEqual(['dist/apps', 'dist/libs']);
  });

  it('leaves out what other services install', () => {
    expect(dockerfile).toMatch(/^RUN npm run build && rm -r dist\/libs\/revocations$/m);
    const imports = sources('apps').filter((path) => read(path).includes('#revocations/'));
    expect(imports).toEqual([]);
  });

  it('has every package that the apps and libs import', () => {
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
    const imported = sources('apps', 'libs').flatMap((path) =>
      all(read(path), /^import (?!type\b)(?:[^;']* from )?'([^.#'][^']*)';/gm),
    );
    const packages = imported
      .filter((name) => !name.startsWith('node:') && !builtinModules.includes(name))
      .map((name) => /^(@[^/]+\/)?[^/]+/.exec(name)![0]);
    expect(packages.length).toBeGreaterThan(50);
    expect(sorted(packages).filter((name) => !(name in dependencies))).toEqual([]);
  });

  it('is told only of variables that the apps know', () => {
    const [told] = all(last, /^ENV (.+)$/gm);
    const names = told!.split(' ').map((assignment) => assignment.split('=')[0]!);
    expect(names.filter((name) => !(name in apiSchema.shape && name in projectorSchema.shape))).toEqual([]);
    expect(told).toContain('NODE_ENV=production');
  });
});

describe('docker-compose.yml', () => {
  const apps = Object.keys(compose.services).filter((name) => service(name).build);

  it('runs both apps, the migration and the rebuild from the one image, with commands that the build makes', () => {
    expect(apps.sort()).toEqual(['migrate', 'rebuild', 'session-projector', 'sessions-api']);
    expect(new Set(apps.map((name) => service(name).image)).size).toBe(1);
    const [ofImage] = all(read('Dockerfile'), /^CMD (.+)$/gm);
    const commands = [JSON.parse(ofImage!) as string[], ...apps.map((name) => service(name).command!)];
    for (const [node, flag, file] of commands) {
      expect([node, flag]).toEqual(['node', '--enable-source-maps']);
      const source = file!.replace(/^dist\//, '').replace(/\.js$/, '.ts');
      expect(source === file ? [] : [source, existsSync(join(root, source))]).toEqual([source, true]);
    }
  });

  it.each(['sessions-api', 'session-projector', 'rebuild'] as const)(
    'gives %s all that it needs, and nothing that it does not know',
    (app) => {
      const given = Object.keys(service(app).environment!);
      expect(given.filter((name) => !(name in schemas[app].shape))).toEqual([]);
      expect(requiredBy(schemas[app]).filter((name) => !given.includes(name))).toEqual([]);
    },
  );

  it('lets every setting of the API be changed', () => {
    const ofTheImage = ['NODE_ENV', 'HOST'];
    expect(sorted([...Object.keys(service('sessions-api').environment!), ...ofTheImage])).toEqual(
      sorted(Object.keys(apiSchema.shape)),
    );
  });

  it('starts everything but the rebuild, which is run when it is wanted', () => {
    const notStarted = Object.entries(compose.services).filter(([, { profiles }]) => profiles);
    expect(notStarted.map(([name, { profiles }]) => [name, profiles])).toEqual([['rebuild', ['rebuild']]]);
  });

  it('gives the migration and the rebuild the owner, and nobody else', () => {
    expect(Object.keys(service('migrate').environment!).sort()).toEqual([...ofMigration].sort());
    const withOwner = Object.keys(compose.services).filter((name) =>
      JSON.stringify(service(name).environment ?? {}).includes('DATABASE_OWNER_PASSWORD'),
    );
    expect(withOwner.sort()).toEqual([...TASKS, 'postgres'].sort());
  });

  it('has no secret of its own', () => {
    const secrets = ['MASTER_KEY', ...interpolated.filter((name) => name.endsWith('_PASSWORD'))];
    expect(sorted(secrets).filter((name) => name.startsWith('NATS_'))).toHaveLength(5);
    for (const name of secrets) {
      const uses = all(composeText, new RegExp(`\\$\\{${name}(.)`, 'g'));
      const required = all(composeText, new RegExp(`\\$\\{${name}(:\\?)`, 'g'));
      expect([name, required.length]).toEqual([name, uses.length]);
      expect(example.get(name)).toBe('');
    }
    expect(service('sessions-api').environment!.BOOTSTRAP_SERVICE_KEY).toBe('${BOOTSTRAP_SERVICE_KEY:-}');
  });

  it('connects the services by the names, ports, roles and database that they have', () => {
    const { POSTGRES_USER, POSTGRES_DB } = service('postgres').environment!;
    const urls = apps.flatMap((name) =>
      Object.values(service(name).environment!).filter((value) => /^(postgres|nats):/.test(value)),
    );
    const places = urls.map((url) => {
      const { protocol, username, password, host, pathname } = new URL(
        url.replace(/\$\{(\w+):\?[^}]+\}/, '$1'),
      );
      return [protocol, username, ...(protocol === 'nats:' ? [password] : []), host, pathname].join(' ');
    });
    expect(sorted(places)).toEqual([
      'nats: api NATS_API_PASSWORD nats:4222 ',
      'nats: projector NATS_PROJECTOR_PASSWORD nats:4222 ',
      `postgres: signoff_app postgres:5432 /${POSTGRES_DB}`,
      `postgres: ${POSTGRES_USER} postgres:5432 /${POSTGRES_DB}`,
    ]);
  });

  it('gives nats-server the users of deploy/nats.conf, with the passwords that it asks for', () => {
    const mounted = './deploy/nats.conf:/etc/nats/nats.conf:ro';
    expect(service('nats').volumes).toContain(mounted);
    expect(service('nats').command!.join(' ')).toContain('--config /etc/nats/nats.conf');
    const given = Object.entries(service('nats').environment!);
    expect(sorted(given.map(([name]) => name))).toEqual(sorted(all(natsConf, /\$(NATS_\w+)/g)));
    // In quotes: else a password that looks like a number stops its start.
    for (const [name, value] of given) expect(value).toMatch(new RegExp(`^"\\$\\{${name}:\\?[^}]+\\}"$`));
  });

  it('publishes the API alone, on this machine alone', () => {
    const published = Object.entries(compose.services).flatMap(([name, { ports = [] }]) =>
      ports.map((port) => `${name} ${port}`),
    );
    const { PORT } = service('sessions-api').environment!;
    expect(published).toEqual(['sessions-api 127.0.0.1:${PORT:-3000}:' + PORT]);
  });

  it('asks each service for its health where it answers', () => {
    const ofApp = (name: string, variable: string) =>
      `${name} http://127.0.0.1:${service(name).environment![variable]}/health/ready`;
    const asked = Object.entries(compose.services).flatMap(([name, { healthcheck }]) =>
      all(healthcheck?.test.join(' ') ?? '', /(http:[^' ]+)/g).map((url) => `${name} ${url}`),
    );
    const [monitored] = all(natsConf, /^http: "([^"]+)"$/gm);
    expect(sorted(asked)).toEqual([
      `nats http://${monitored}/healthz`,
      ofApp('session-projector', 'PROJECTOR_PORT'),
      ofApp('sessions-api', 'PORT'),
    ]);
    expect(service('postgres').healthcheck!.test).toContain('pg_isready');
  });

  it('waits only for what can come true', () => {
    const comesTrue: Record<string, (awaited: Service | undefined) => boolean> = {
      service_started: (awaited) => awaited !== undefined,
      service_healthy: (awaited) => awaited?.healthcheck !== undefined,
      service_completed_successfully: (awaited) => awaited?.restart === 'no',
    };
    const never = Object.values(compose.services).flatMap(({ depends_on = {} }) =>
      Object.entries(depends_on).filter(
        ([name, { condition }]) => !comesTrue[condition]?.(compose.services[name]),
      ),
    );
    expect(never).toEqual([]);
  });

  it('keeps the data of PostgreSQL and NATS in volumes, where they write it', () => {
    expect(service('postgres').volumes).toEqual(['postgres:/var/lib/postgresql']);
    expect(service('nats').volumes).toContain('nats:/data');
    expect(service('nats').command!.join(' ')).toContain('--jetstream --store_dir /data');
    expect(Object.keys(compose.volumes).sort()).toEqual(['nats', 'postgres']);
  });

  it('restarts what dies, and bounds what each may use', () => {
    for (const [name, { restart, deploy, pids_limit }] of Object.entries(compose.services)) {
      expect([name, restart]).toEqual([name, TASKS.includes(name) ? 'no' : 'unless-stopped']);
      expect(Object.keys(deploy.resources.limits)).toEqual(['memory']);
      expect(pids_limit).toBeGreaterThan(0);
    }
  });
});

describe('docs/operations.md', () => {
  const operations = read('docs/operations.md');

  it('gives each variable of the apps and the migration with its default', () => {
    const rows = [...operations.matchAll(/^\| `([A-Z_]+)` +\| (?:`([^`]+)`)? +\|/gm)];
    const told = new Map(rows.map(([, name, value]) => [name!, value ?? '']));
    const variables = [
      ...Object.keys(apiSchema.shape),
      ...Object.keys(projectorSchema.shape),
      ...ofMigration,
    ];
    expect(sorted(told.keys())).toEqual(sorted(variables));
    expect(told).toEqual(new Map([...told.keys()].map((name) => [name, example.get(name)])));
  });

  it.each([
    ['apps/sessions-api/src/metrics.ts', 10],
    ['apps/session-projector/src/metrics.ts', 6],
    ['libs/telemetry/src/process-metrics.ts', 0],
  ])('explains every metric of %s', (path, more) => {
    const metrics = all(read(path), /'(signoff_\w+)'/g);
    expect(metrics.length).toBeGreaterThan(more);
    expect(metrics.filter((name) => !operations.includes(name))).toEqual([]);
  });

  it('explains every code that relay and projector stop with', () => {
    const codes = ['relay/relay-refusal.ts', '../../session-projector/src/projection-stop.ts'].flatMap(
      (path) => all(read(join('apps/sessions-api/src', path)), /^ +\| '([A-Z_]+)'/gm),
    );
    expect(codes.length).toBeGreaterThan(5);
    expect(codes.filter((code) => !operations.includes(`\`${code}\``))).toEqual([]);
  });
});

describe('npm run', () => {
  it.each(Object.entries((JSON.parse(read('package.json')) as { scripts: Record<string, string> }).scripts))(
    '%s starts what the build makes',
    (_, command) => {
      const files = all(command, /\bdist\/(\S+)\.js/g).map((path) => `${path}.ts`);
      expect(files.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    },
  );
});

describe('the documents', () => {
  const documents = ['README.md', 'docs/architecture.md', 'docs/events.md', 'docs/operations.md'];

  it.each(documents)('%s links only to what there is', (document) => {
    const links = all(read(document), /\]\((?!https?:)([^)#]*)/g).filter((path) => path !== '');
    expect(links.filter((path) => !existsSync(join(root, document, '..', path)))).toEqual([]);
  });

  it.each(documents)('%s names only files of the build that it makes', (document) => {
    const files = all(read(document), /\bdist\/(apps\/\S+)\.js/g).map((path) => `${path}.ts`);
    expect(files.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it('README.md names every code of an error, with its status', () => {
    const inTables = (text: string, pattern: RegExp) =>
      [...text.matchAll(pattern)].map(([, code, status]) => `${code} ${status}`);
    const codes = sources('apps/sessions-api/src/http').flatMap((path) =>
      inTables(read(path), /^ {2}([A-Z_]+): (\d{3}),/gm),
    );
    const told = [...read('README.md').matchAll(/^\| (\d{3}) +\| (.+) \|$/gm)].flatMap(([, status, list]) =>
      all(list!, /`([A-Z_]+)`/g).map((code) => `${code} ${status}`),
    );
    expect(codes.length).toBeGreaterThan(20);
    expect(codes.filter((code) => !told.includes(code))).toEqual([]);
  });

  it('docs/events.md names every type of event with its token and its name', () => {
    const told = [
      ...read('docs/events.md').matchAll(/^\| `(\w+)` +\| `([a-z-]+)` +\| `signoff\.([a-z.-]+)\.v(\d+)`/gm),
    ].map(([, type, token, name, schema]) => [type, token, name, Number(schema)]);
    expect(told).toEqual(
      Object.entries(EVENT_TYPES).map(([type, { schema }]) => {
        const { token, name } = namesOf(type);
        return [type, token, name, schema];
      }),
    );
  });
});
