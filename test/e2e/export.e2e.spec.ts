import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { verifyExport } from '#event-log/verify/verify-export.js';
import { devices } from './harness/devices.js';
import { auditProjected } from './harness/projected.js';
import { logPosition, recordedEvents } from './harness/recorded.js';
import { createKey, dataOf, issue, operatorPath } from './harness/sessions.js';
import { type Api, World } from './harness/world.js';

const EXPORT = '/api/audit/export';
const FORMULA = '=HYPERLINK("https://evil.example","click")';
const NOTE = 'said "no", twice\nand hung up, ü';
/** More than a batch. */
const MANY = 600;

interface Line {
  readonly position?: number;
  readonly type?: string;
  readonly entry?: Record<string, unknown>;
  readonly format?: string;
  readonly filter?: unknown;
  readonly checkpoint?: string;
  readonly end?: { readonly events: number; readonly position: number };
}

let world: World;
let api: Api;
let auditor: Api['service'];

const linesOf = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
const verified = (text: string) => {
  async function* chunks() {
    yield text;
  }
  return verifyExport(chunks());
};

beforeAll(async () => {
  world = await World.create();
  [api] = await Promise.all([world.startApi(), world.startApi()]);
  const key = await createKey(api.service, { kind: 'service', name: 'audit', scopes: ['audit:read'] });
  auditor = api.as(key.key);
  const { token } = await issue(api.service, 'ada', { ...devices[0]!.sent, userAgent: FORMULA });
  dataOf(await auditor.post('/api/audit/checkpoints', undefined), 201);
  dataOf(await api.service.delete(`${operatorPath('ada')}/${token}`, { body: { note: NOTE } }));
  for (let i = 0; i < MANY / 50; i++) {
    await Promise.all(Array.from({ length: 50 }, () => issue(api.service, `bob-${i}`)));
  }
});
afterAll(() => world.stop());

describe('an export of the trail', () => {
  it('has every event up to now, as it was hashed and as a person reads it, with its checkpoints', async () => {
    const answer = await auditor.get(EXPORT);
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/x-ndjson']);
    const [header, ...lines] = linesOf(answer.text);
    expect(header).toMatchObject({ format: 'signoff-export/1', after: 0, filter: null });
    const events = lines.filter(({ position }) => position !== undefined);
    const last = await logPosition(world.owner);
    expect(events.map(({ position }) => position)).toEqual(Array.from({ length: last }, (_, i) => i + 1));
    expect(lines.at(-1)).toEqual({ end: { events: last, position: last } });
    expect(lines[2]!.checkpoint).toContain('— signoff');
    expect(events.find(({ type }) => type === 'SessionRevoked')!.entry).toMatchObject({
      accountId: 'ada',
      actor: { type: 'service', id: 'bootstrap' },
      reason: 'operator',
      note: NOTE,
    });
    expect(events[1]!.entry).toMatchObject({ ipAddress: devices[0]!.shown.ipAddress, userAgent: FORMULA });
  });

  it('is found whole by the verifier, and not when a byte of it is changed or its end is missing', async () => {
    const { text } = await auditor.get(EXPORT);
    const last = await logPosition(world.owner);
    expect(await verified(text)).toMatchObject({ findings: [], events: last, position: last });
    const changed = await verified(text.replace('bob-0', 'bob-x'));
    expect(changed.findings.length).toBeGreaterThan(0);
    const cut = await verified(text.slice(0, text.lastIndexOf('{"end"')));
    expect(cut.findings).toEqual([expect.objectContaining({ check: 'export', position: last + 1 })]);
  });

  it('goes on behind any position, and the next part fits the last', async () => {
    const first = linesOf((await auditor.get(EXPORT)).text).at(-1)!.end!.position;
    await issue(api.service, 'ada');
    const { text } = await auditor.get(`${EXPORT}?after=${first}`);
    expect(linesOf(text).flatMap(({ type }) => type ?? [])).toEqual(['SessionIssued', 'AuditRead']);
    expect((await verified(text)).findings).toEqual([]);
    const head = await logPosition(world.owner);
    const beyond = linesOf((await auditor.get(`${EXPORT}?after=${head + 99}`)).text);
    expect(beyond.slice(1)).toEqual([{ end: { events: 0, position: head + 99 } }]);
  });

  it('is a table for a spreadsheet, in which nothing is a formula', async () => {
    const { text, headers } = await auditor.get(`${EXPORT}?format=csv`);
    expect(headers['content-disposition']).toBe('attachment; filename="signoff-audit.csv"');
    const [titles, key, issued] = text.split('\r\n');
    expect(titles).toMatch(/^position,recordedAt,type,accountId,token,keyId,actorType,actorId,credential,/);
    expect(key).toMatch(/^1,\d{4}-.*,ApiKeyCreated,,,key_/);
    expect(issued).toContain(`,"'=HYPERLINK(""https://evil.example"",""click"")",`);
    expect(text).toContain('"said ""no"", twice\nand hung up, ü"');
    expect(text.match(/^\d+,/gm)).toHaveLength(await logPosition(world.owner));
  });

  it('is recorded before anything is shown, and only given to who may audit', async () => {
    const before = (await recordedEvents(world.owner, 'audit')).length;
    await auditor.get(`${EXPORT}?format=csv&after=7`);
    expect((await recordedEvents(world.owner, 'audit')).slice(before)).toMatchObject([
      { type: 'AuditRead', data: { what: 'export', filter: { format: 'csv', after: 7 } } },
    ]);
    const { key } = await createKey(api.service, {
      kind: 'service',
      name: 'desk',
      scopes: ['sessions:read'],
    });
    expect((await api.as(key).get(EXPORT)).status).toBe(403);
    expect((await recordedEvents(world.owner, 'audit')).length).toBe(before + 1);
  });

  it('has only what is asked for, up to where the projection has come, each event to be checked alone', async () => {
    const empty = linesOf((await auditor.get(`${EXPORT}?accountId=ada`)).text);
    expect(empty.slice(1)).toEqual([{ end: { events: 0, position: 0 } }]);
    const projector = await world.startProjector();
    await auditProjected(world);
    await projector.stop();
    const query = `${EXPORT}?accountId=ada&type=SessionIssued&ipAddress=203.0.113.24`;
    const { text } = await auditor.get(query);
    const [header, ...lines] = linesOf(text);
    expect(header!.filter).toEqual({ accountId: 'ada', type: 'SessionIssued', ipAddress: '203.0.113.24' });
    expect(lines.flatMap(({ position }) => position ?? [])).toEqual([2]);
    expect(lines.at(-1)!.end).toEqual({ events: 1, position: (await logPosition(world.owner)) - 1 });
    expect((await verified(text)).findings).toEqual([]);
    expect((await verified(text.replace('account-ada', 'account-bob'))).findings).toMatchObject([
      { position: 2 },
    ]);
    const csv = await auditor.get(`${EXPORT}?format=csv&type=SessionRevoked`);
    expect(csv.text.match(/^\d+,/gm)).toEqual(['3,']);
    const read = (await recordedEvents(world.owner, 'audit')).at(-2)!;
    expect(read.data.filter).toEqual({
      format: 'ndjson',
      after: 0,
      accountId: 'ada',
      type: 'SessionIssued',
      ipAddress: true,
    });
  });

  it.each([
    ['format=xml', 'format'],
    ['from=yesterday', 'from'],
    ['after=-1', 'after'],
    ['after=1&after=2', 'after'],
  ])('is not given for %s', async (query, field) => {
    const { status, body } = await auditor.get(`${EXPORT}?${query}`);
    expect([status, body.errors[0].field]).toEqual([400, field]);
  });
});
