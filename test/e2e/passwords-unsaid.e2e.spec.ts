import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startNats } from '../harness/nats.js';
import { createDatabase } from '../harness/database.js';
import { until } from '../harness/until.js';
import { type AppProcess, startProcess } from './harness/app-process.js';
import { operatorPath } from './harness/sessions.js';
import { World } from './harness/world.js';

const SECRET = 'pass%2Fword';
const FORMS = [SECRET, decodeURIComponent(SECRET), Buffer.from(SECRET).toString('base64')];
const said = (text: string) => FORMS.filter((form) => text.includes(form));

describe('the password in the URL of a server', () => {
  let world: World;
  const withPassword = (url: string) => url.replace(/\/\/(?:[^@/]*@)?/, `//signoff_app:${SECRET}@`);
  const LOG_LEVEL = 'trace';

  beforeAll(async () => {
    const users = 'authorization { users = [ { user: signoff_app, password: another } ] }';
    const guest = '{ user: guest, password: guest, permissions { publish: "g", subscribe: "g" } }';
    const nats = await startNats(`${users.replace(' ] }', `, ${guest} ] }`)}\nno_auth_user: guest`);
    world = World.on(await createDatabase(), nats);
  });
  afterAll(() => world.stop());

  it('of NATS is said to nobody when it is refused, though the API answers', async () => {
    const NATS_URL = withPassword(world.nats.url);
    const api = await world.startApi({ NATS_URL, LOG_LEVEL });
    await until(
      () => api.as().get('/health/ready'),
      ({ body }) => body.degraded.includes('nats'),
    );
    expect((await api.service.get(operatorPath('ada'))).status).toBe(200);
    const answers = ['/health/ready', '/metrics', '/openapi.json'].map(
      async (path) => (await api.as().get(path)).text,
    );
    const projector = await startProcess('session-projector', { ...world.variables, NATS_URL, LOG_LEVEL });
    await projector.logged('projector.degraded');
    await projector.stop();
    for (const text of [...(await Promise.all(answers)), api.output(), projector.output()]) {
      expect(said(text)).toEqual([]);
    }
  });

  const refused = async (app: string, variables: Record<string, string>, entry = 'main') => {
    const ended: AppProcess = await startProcess(app, { ...world.variables, LOG_LEVEL, ...variables }, entry);
    expect(await ended.exited).toBe(1);
    expect(ended.output()).toMatch(/\S/);
    expect(said(ended.output())).toEqual([]);
  };

  it.each(['main', 'migrate'])('of PostgreSQL is not said by %s, which it does not let in', async (entry) => {
    const DATABASE_URL = withPassword(world.database.appUrl);
    await refused('sessions-api', { DATABASE_URL, MIGRATION_DATABASE_URL: DATABASE_URL }, entry);
  });

  it('of PostgreSQL is not said by the projector, which goes on trying', async () => {
    const DATABASE_URL = withPassword(world.database.appUrl);
    const projector = await startProcess('session-projector', {
      ...world.variables,
      DATABASE_URL,
      LOG_LEVEL,
    });
    await projector.logged('projector.degraded');
    await projector.stop();
    expect(said(projector.output())).toEqual([]);
  });

  it.each(['sessions-api', 'session-projector'])(
    'is not said by %s, which takes no such URL',
    async (app) => {
      const wrong = withPassword('mysql://127.0.0.1:70000/x');
      await refused(app, { NATS_URL: wrong, DATABASE_URL: wrong });
    },
  );
});
