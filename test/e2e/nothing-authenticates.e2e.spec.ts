import { isIP } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { BusListener } from './harness/bus-listener.js';
import { devices } from './harness/devices.js';
import { projected } from './harness/projected.js';
import { logPosition } from './harness/recorded.js';
import { createKey, dataOf, issue, type Issued, operatorPath } from './harness/sessions.js';
import { databaseTexts, formsOf, messageText } from './harness/traces.js';
import { type Api, World } from './harness/world.js';

const OWN = '/api/account/sessions';
/** More than it takes until a fold of the account's stream is kept in the database. */
const LONG_STREAM = 110;
const NOTE = 'called-by-phone-and-named-the-dog';

describe('after a busy day', () => {
  let world: World;
  /** Where something could have been left, each place with all that lies there. */
  const places = new Map<string, string>();
  const secrets = new Map<string, string>();

  beforeAll(async () => {
    world = await World.create();
    const noisy = { LOG_LEVEL: 'trace' };
    const [api, other, projector] = await Promise.all([
      world.startApi(noisy),
      world.startApi(noisy),
      world.startProjector(noisy),
    ]);
    const answers: string[] = [];
    const { sessions, account, service } = await busyDay(api, other, answers);
    await projected(world);
    const bus = await BusListener.start(world.nats.url, 'sessions.*.*');
    const messages = await bus.reached(await logPosition(world.owner));
    await bus.stop();
    await Promise.all([api.stop(), other.stop(), projector.stop()]);

    for (const [table, text] of await databaseTexts(world.owner)) places.set(`table ${table}`, text);
    places.set('the stream', messages.map(messageText).join('\n'));
    places.set('the log of the API', api.output() + other.output());
    places.set('the log of the projector', projector.output());
    places.set('lists and errors', answers.join('\n'));

    for (const [i, { accessToken }] of sessions.entries()) {
      secrets.set(`session credential ${i}`, accessToken);
      secrets.set(`the signature of session credential ${i}`, accessToken.split('.')[2]!);
    }
    for (const [name, text] of Object.entries({ account, service })) {
      secrets.set(`the ${name} key`, text);
      secrets.set(`the secret of the ${name} key`, text.split('.')[1]!);
    }
    secrets.set('the bootstrap key', world.bootstrapKey);
    secrets.set('the master key', world.masterKey);
  });
  afterAll(() => world.stop());

  /** All that the API does, well and badly used; the answers of what must not show a credential. */
  async function busyDay(api: Api, other: Api, answers: string[]) {
    const { key: account } = await createKey(api.service, {
      kind: 'account',
      accountId: 'ada',
      name: 'panel',
    });
    const scopes = [
      'sessions:issue',
      'sessions:introspect',
      'sessions:read',
      'sessions:revoke',
      'keys:write',
    ];
    const { id, key: service } = await createKey(
      other.service,
      { kind: 'service', name: 'login', scopes },
      'login',
    );
    const login = api.as(service);
    const sessions: Issued[] = [];
    for (const [i, { sent }] of devices.entries()) sessions.push(await issue(login, 'ada', sent, `k${i}`));
    for (const [i, { sent }] of devices.entries()) await issue(other.as(service), 'ada', sent, `k${i}`);
    const [first, second, third] = sessions as [Issued, Issued, Issued, Issued];
    const extended = await login.send('PATCH', `/api/sessions/${third.token}`, {
      body: { expiresInSeconds: 7_000_000 },
    });
    sessions.push(dataOf(extended) as Issued);
    await login.send('POST', `/api/sessions/${third.token}/activity`);
    await login.postForm('/api/introspect', { token: first.accessToken });
    await login.postForm('/api/introspect', { token: account });
    const bobs = Array.from({ length: LONG_STREAM }, () => issue(login, 'bob', devices[0]!.sent));
    sessions.push(...(await Promise.all(bobs)).slice(0, 1));
    await other.service.get(operatorPath('bob'));
    const owner = other.as(first.accessToken);
    const panel = api.as(account);
    for (const answer of [
      await owner.get(OWN),
      await owner.get(`${OWN}/${first.token}`),
      await panel.get(OWN),
      await login.get(operatorPath('ada')),
      await login.get('/api/keys'),
      await owner.delete(`${OWN}/${second.token}`),
      await api.as(second.accessToken).get(OWN),
      await owner.delete(`${OWN}/${second.accessToken}`),
      await owner.delete(`${OWN}/${account}`),
      await login.delete(`/api/keys/${account}`),
      await login.get(`${operatorPath(first.accessToken)}?access_token=${first.accessToken}`),
      await panel.get(`${OWN}?page=${account}`),
      await panel.post(`/${account}`, {}),
      await login.delete(`${operatorPath('ada')}/${third.token}`, { body: { note: NOTE } }),
      await owner.delete(`${OWN}?includeCurrent=true`),
      await login.delete(`/api/keys/${id}`),
      await api.as().get('/metrics'),
      await api.as().get('/health/ready'),
    ]) {
      answers.push(JSON.stringify(answer.headers), answer.text);
    }
    return { sessions, account, service };
  }

  it('looks where something has been left', async () => {
    expect([...places.keys()]).toEqual(
      expect.arrayContaining([
        'table event_log.event',
        'table event_log.command',
        'table read_model.session',
      ]),
    );
    expect(places.get('table event_log.event')).toContain('SessionRevoked');
    const snapshots = `SELECT count(*) FROM event_log.stream WHERE snapshot IS NOT NULL`;
    expect((await world.owner.query(snapshots)).rows).toEqual([{ count: 1 }]);
    expect(places.get('the stream')).toContain('ce-type: signoff.key.created.v1');
    expect(places.get('the log of the API')).toContain('api.listening');
    expect(secrets.size).toBeGreaterThan(15);
  });

  it('nothing lies anywhere that could authenticate', () => {
    const found = [...places].flatMap(([place, text]) =>
      [...secrets].flatMap(([secret, plain]) =>
        formsOf(plain).some((form) => text.includes(form)) ? [`${secret} in ${place}`] : [],
      ),
    );
    expect(found).toEqual([]);
  });

  it('nothing personal lies in the clear but addresses in the audit trail, where they are searched for', () => {
    const isSearched = (place: string) => place === 'table read_model.audit_entry';
    const personal = [
      NOTE,
      ...devices.flatMap(({ sent }) => Object.values(sent)),
      '192.0.2.146',
      '2001:db8:4a::19',
    ];
    const elsewhere = [...places].filter(([place]) => place !== 'lists and errors');
    const found = elsewhere.flatMap(([place, text]) =>
      personal.flatMap((plain) =>
        formsOf(plain).some((form) => text.includes(form)) && !(isSearched(place) && isIP(plain) !== 0)
          ? [`${plain} in ${place}`]
          : [],
      ),
    );
    expect(found).toEqual([]);
    for (const text of places.values()) expect(text).not.toContain(NOTE);
  });
});
