import { isDeepStrictEqual } from 'node:util';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { SessionLog } from '../../../apps/session-projector/test/session-log.js';
import { auditLog } from '../../harness/audit.js';
import { readStreamUpTo } from '../../harness/stream-reader.js';
import { until } from '../../harness/until.js';
import type { Answer } from '../../e2e/harness/call.js';
import { operatorPath } from '../../e2e/harness/sessions.js';
import type { Api, World } from '../../e2e/harness/world.js';
import type { Load } from './load.js';
import type { Random } from './random.js';

const CATCH_UP_MS = 60_000;
const REPEATED = 40;

interface Recorded {
  readonly position: number;
  readonly streamId: string;
  readonly version: number;
  readonly eventId: string;
  readonly type: string;
  readonly schema: number;
  readonly data: string;
  readonly metadata: string;
  readonly revocation: number | null;
  readonly recordedAt: Date;
  readonly hash: string;
}

/**
 * Compares what must agree once the faults are over: what clients were told, the log, the stream, the read model and
 * the answers of every process. Throws with what does not.
 */
export async function expectAgreement(world: World, load: Load, apis: readonly Api[], random: Random) {
  const problems: string[] = [];
  const log = await recorded(world);
  problems.push(...(await logProblems(world)));
  problems.push(...(await toldProblems(world, load, log)));
  problems.push(...(await streamProblems(world, log)));
  problems.push(...(await readModelProblems(world)));
  problems.push(...(await answerProblems(load, apis, random)));
  if (problems.length > 0) {
    throw new Error(`${problems.length} disagreements:\n${problems.slice(0, 20).join('\n')}`);
  }
  return { events: log.length, commands: load.sent.length, failures: load.failures };
}

async function recorded({ owner }: World): Promise<Recorded[]> {
  const { rows } = await owner.query<Recorded>(
    `SELECT position, stream_id AS "streamId", version, event_id AS "eventId", type, schema, data, metadata, revocation,
       recorded_at AS "recordedAt", encode(hash, 'hex') AS hash
     FROM event_log.event ORDER BY position`,
  );
  return rows;
}

/** Gapless, versions contiguous, the hash chain whole: by the second implementation. */
async function logProblems({ database }: World): Promise<string[]> {
  return auditLog(database.ownerUrl).then(
    () => [],
    (error: Error) => [`the log is not whole: ${error.message}`],
  );
}

/** P1, P6: each acknowledged command is there, and each command was carried out once or not at all. */
async function toldProblems({ owner }: World, load: Load, log: readonly Recorded[]): Promise<string[]> {
  const problems: string[] = [];
  const issues = new Map<string, Recorded>();
  const ends = new Map<string, Recorded>();
  const expiries = new Map<string, string>();
  const lastOfCommand = new Map<string, Recorded[]>();
  for (const event of log) {
    const { sessionId, expiresAt } = JSON.parse(event.data) as { sessionId: string; expiresAt?: string };
    const { commandId } = JSON.parse(event.metadata) as { commandId: string };
    const kept = { SessionIssued: issues, SessionRevoked: ends }[event.type];
    if (kept?.has(sessionId)) problems.push(`${event.type} twice: ${sessionId}`);
    kept?.set(sessionId, event);
    if (expiresAt) expiries.set(sessionId, expiresAt);
    lastOfCommand.set(commandId, [...(lastOfCommand.get(commandId) ?? []), event]);
  }
  const known = new Set<string>();
  for (const { issued, account, enders, endedAt, expiresAt } of load.book.sessions) {
    if (!issued) continue;
    const { token } = issued;
    known.add(token);
    if (issues.get(token)?.streamId !== `account-${account}`) problems.push(`lost: the issue of ${token}`);
    if (endedAt && !ends.has(token)) problems.push(`lost: the end of ${token}`);
    if (ends.has(token) && enders.size === 0) problems.push(`ended by nobody: ${token}`);
    if (expiresAt! > expiries.get(token)!) problems.push(`lost: the extension of ${token} to ${expiresAt}`);
  }
  for (const token of issues.keys())
    if (!known.has(token)) problems.push(`issued, and told nobody: ${token}`);

  const { rows } = await owner.query<{ key: string; position: number | null }>(
    'SELECT key, position FROM event_log.command',
  );
  const outcomes = new Map(rows.map((row) => [row.key, row.position]));
  const positions = new Set(rows.map(({ position }) => position));
  for (const [commandId, events] of lastOfCommand) {
    const last = events.at(-1)!.position;
    if (!positions.has(last))
      problems.push(`done though its outcome is another: command ${commandId}, at ${last}`);
    if (last - events[0]!.position !== events.length - 1)
      problems.push(`command ${commandId} was torn apart`);
  }
  for (const { key, what, answer } of load.sent) {
    if (answer!.status >= 400) continue;
    const position = outcomes.get(key);
    if (position === undefined) problems.push(`no outcome of what was answered: ${what}`);
    const told = answer!.body?.data?.revoked as number | boolean | undefined;
    if (typeof told !== 'number') continue;
    const { commandId } = JSON.parse(log[(position ?? 0) - 1]?.metadata ?? '{}') as { commandId?: string };
    const done = commandId === undefined ? 0 : lastOfCommand.get(commandId)!.length;
    if (told !== done) problems.push(`${what}: told ${told}, done ${done}`);
  }
  return problems;
}

/** P2: message n is event n, and there is none beside. */
async function streamProblems({ nats }: World, log: readonly Recorded[]): Promise<string[]> {
  const connection = await connect({ servers: nats.url.split(',') });
  try {
    const manager = await jetstreamManager(connection);
    const state = await until(
      async () => (await manager.streams.info('SESSIONS').catch(() => undefined))?.state,
      (found) => found !== undefined && found.last_seq >= log.length && found.messages === log.length,
      CATCH_UP_MS,
    );
    if (state!.last_seq !== log.length)
      return [`the stream is at ${state!.last_seq}, the log at ${log.length}`];
  } catch (error) {
    return [`the stream does not get to ${log.length}: ${(error as Error).message}`];
  } finally {
    await connection.close();
  }
  const messages = await readStreamUpTo(nats.url, log.length);
  return messages.flatMap(({ seq, body, headers }, i) => {
    const event = log[i]!;
    const { data, metadata, hash, recordedAt, ...rest } = event;
    const { accountId: _, ...found } = JSON.parse(body) as Record<string, unknown>;
    const { eventId: id, ...same } = rest;
    const due = {
      ...same,
      id,
      data: JSON.parse(data) as unknown,
      metadata: JSON.parse(metadata) as unknown,
      recordedAt: recordedAt.toISOString(),
    };
    const exact = body.includes(`"data":${data}`) && body.includes(`"metadata":${metadata}`);
    const right = seq === event.position && headers['ce-id'] === id && headers['Signoff-Hash'] === hash;
    return exact && right && isDeepStrictEqual(found, due)
      ? []
      : [`message ${seq} is not event ${i + 1}: ${body}`];
  });
}

/** P3: the rows of each projection are those of the log's fold. */
async function readModelProblems(world: World): Promise<string[]> {
  const log = await SessionLog.open(world.database.appUrl, world.masterKey, () => undefined);
  try {
    const { position } = await log.head();
    await until(
      async () => (await world.owner.query('SELECT projection, position FROM read_model.checkpoint')).rows,
      (rows) => rows.length === 2 && rows.every((checkpoint) => checkpoint.position === position),
      CATCH_UP_MS,
    );
    return [
      ...differences('read_model.session', await log.rows(), await log.folded()),
      ...differences('read_model.audit_entry', await log.auditRows(), await log.auditFolded()),
    ];
  } catch (error) {
    return [`the read model: ${(error as Error).message}`];
  } finally {
    await log.close();
  }
}

function differences(table: string, rows: readonly unknown[], folded: readonly unknown[]): string[] {
  const due = new Set(folded.map((row) => JSON.stringify(row)));
  const wrong = rows.map((row) => JSON.stringify(row)).filter((row) => !due.delete(row));
  return [
    ...wrong.map((row) => `a row of ${table} that is not the log's: ${row}`),
    ...[...due].map((row) => `missing in ${table}: ${row}`),
  ];
}

/** P4, P5: every process lists and accepts the same, and gives the first answer to what was sent before. */
export async function answerProblems(load: Load, apis: readonly Api[], random: Random): Promise<string[]> {
  const problems: string[] = [];
  for (const api of apis) {
    for (const account of load.book.names) {
      const since = load.book.now;
      const { body } = await api.service.get(`${operatorPath(account)}?limit=100`);
      const tokens = (body.data as { token: string }[]).map(({ token }) => token);
      if (body.pagination.total <= 100) load.book.judgeList(account, tokens, since, api.url);
    }
    for (let i = 0; i < REPEATED; i++) {
      const session = random.pick(load.book.sessions);
      if (!session.issued) continue;
      const since = load.book.now;
      const form = { token: session.issued.accessToken };
      const { body } = await api.service.postForm('/api/introspect', form);
      load.book.judgeAccepted(session, body.active as boolean, since, api.url);
      const sent = random.pick(load.sent.filter(({ answer }) => answer));
      const again = await sent.send(api);
      const byOneWhoEnded = again.status === 401;
      if (!byOneWhoEnded && !isDeepStrictEqual(substance(again), substance(sent.answer!))) {
        problems.push(`${sent.what}: answered ${sent.answer!.text} first and ${again.text} again`);
      }
    }
  }
  return [...problems, ...load.book.violations];
}

const substance = ({ status, body }: Answer) => ({
  status,
  data: body.data as unknown,
  code: body.code as unknown,
});
