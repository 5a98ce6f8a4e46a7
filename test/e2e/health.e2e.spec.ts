import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '../harness/until.js';
import { type Api, World } from './harness/world.js';

describe('the health of an API process', () => {
  let world: World;
  let api: Api;

  beforeAll(async () => {
    world = await World.create();
    api = await world.startApi();
  });
  afterAll(() => world.stop());

  const ready = async () => (await api.as().get('/health/ready')).body as { degraded: string[] };
  const behind = (projection: string, events: number) =>
    world.owner.query(
      `INSERT INTO read_model.checkpoint SELECT $1, log_id, epoch, position - $2::int, hash FROM event_log.head
       ON CONFLICT (projection) DO UPDATE SET position = excluded.position`,
      [projection, events],
    );

  it.each([
    ['sessions', { degraded: ['projection'], projectionLag: 1_001, auditLag: 0 }],
    ['audit', { degraded: ['audit'], projectionLag: 0, auditLag: 1_001 }],
  ])('is degraded while the projection %s is far behind', async (projection, found) => {
    for (const one of ['sessions', 'audit']) await behind(one, 0);
    await until(ready, ({ degraded }) => degraded.length === 0);
    await behind(projection, 1_000);
    expect(await ready()).toMatchObject({ degraded: [] });
    await behind(projection, 1_001);
    expect(await ready()).toMatchObject({ status: 'ready', ...found });
  });
});
