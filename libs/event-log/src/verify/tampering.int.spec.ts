import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type CheckpointSigner, checkpointSigner } from '../../../../test/harness/checkpoint-signer.js';
import { TamperedLog } from '../../../../test/harness/tampered-log.js';
import { hashEvent } from '../hash-chain.js';
import type { VerifyOptions } from './verification.js';
import { verifyDatabase } from './verify-database.js';

let log: TamperedLog;
let signer: CheckpointSigner;
/** At position `MIDDLE`, and at the end. */
let kept: { middle: string; end: string };
let middle: number;
let last: number;

beforeAll(async () => {
  log = await TamperedLog.create();
  signer = checkpointSigner((await log.head()).logId);
  await log.storeKey(signer);
  await log.write(2);
  middle = (await log.head()).position;
  const first = await log.checkpoint(signer);
  await log.write(1);
  last = (await log.head()).position;
  kept = { middle: first, end: await log.checkpoint(signer) };
  await log.keep();
});
afterEach(() => log.restore());
afterAll(() => log.close());

const verify = (options?: VerifyOptions) => verifyDatabase(log.owner, options);
const elsewhere = (...notes: string[]): VerifyOptions => ({
  checkpoints: notes.map((note, i) => ({ note, from: `kept ${i + 1}` })),
  keys: [signer.verifier],
});
const first = async (options?: VerifyOptions) => {
  const { findings } = await verify(options);
  const [{ position, check, message } = { position: null, check: null, message: 'nothing' }] = findings;
  return [position, check, message];
};

describe('a log that nobody has touched', () => {
  it('is whole, with an event of every type, and agrees with every checkpoint', async () => {
    expect(await verify(elsewhere(kept.middle, kept.end))).toEqual({
      logId: (await log.head()).logId,
      epoch: 1,
      events: last,
      position: last,
      findings: [],
      findingCount: 0,
      keptCheckpoints: { agreed: 2, newest: last },
      storedCheckpoints: { agreed: 2, newest: last },
      unchecked: [],
    });
  });

  it('is verified as the application, too, which says whose keys it went by', async () => {
    const client = await log.app.connect();
    const found = await verifyDatabase(client);
    client.release();
    expect([found.findings, found.unchecked]).toEqual([
      [],
      [expect.stringContaining('taken from the same database')],
    ]);
  });

  it('is whole when it is empty', async () => {
    const empty = await TamperedLog.create();
    const note = await empty.checkpoint(checkpointSigner((await empty.head()).logId), false);
    expect(await verifyDatabase(empty.owner)).toMatchObject({ events: 0, position: 0, findings: [] });
    const found = await verifyDatabase(empty.owner, { checkpoints: [{ note, from: 'kept' }], keys: [] });
    expect(found.findings).toMatchObject([{ check: 'checkpoint' }]);
    await empty.close();
  });
});

const HASH = 'its hash is not that of its columns: one of them was changed (a hash does not tell which)';

describe('one event of which a byte is another', () => {
  it.each([
    ['stream_id', `stream_id = 'account-adb'`, 'hash', HASH],
    ['version', 'version = version + 1000', 'hash', HASH],
    ['event_id', `event_id = '5f1d7e84-3f0a-4a53-8f0b-2f9be3a0c001'`, 'hash', HASH],
    ['type', `type = 'SessionRevokee'`, 'hash', HASH],
    ['schema', 'schema = schema + 1', 'hash', HASH],
    ['data', `data = overlay(data PLACING '4' FROM 10)`, 'hash', HASH],
    ['data, by a space that JSON does not see', `data = data || ' '`, 'hash', HASH],
    ['sealed', `sealed = set_byte(sealed, 3, get_byte(sealed, 3) # 1)`, 'hash', HASH],
    ['sealed, made nothing', 'sealed = NULL', 'hash', HASH],
    ['sealed, made empty', `sealed = ''`, 'hash', HASH],
    ['metadata', `metadata = '{ }'`, 'hash', HASH],
    ['recorded_at', `recorded_at = recorded_at + interval '1 millisecond'`, 'hash', HASH],
    [
      'recorded_at, by less than the hash covers',
      `recorded_at = recorded_at + interval '1 microsecond'`,
      'time',
      'recorded_at has a fraction of a millisecond',
    ],
    ['recorded_at, made infinite', `recorded_at = 'infinity'`, 'hash', HASH],
    ['revocation', 'revocation = revocation + 100', 'hash', HASH],
    ['revocation, made nothing', 'revocation = NULL', 'hash', HASH],
    ['hash', 'hash = set_byte(hash, 31, get_byte(hash, 31) # 128)', 'hash', 'its hash was changed'],
  ])('is found by its position: %s', async (_, change, check, message) => {
    const revoked = (await log.events()).find(({ revocation }) => revocation === 2)!;
    await log.owner.query(`UPDATE event_log.event SET ${change} WHERE position = $1`, [revoked.position]);
    const { findings } = await verify();
    expect(findings[0]!.position).toBe(revoked.position);
    expect(findings.filter(({ position }) => position === revoked.position)).toContainEqual({
      position: revoked.position,
      check,
      message: expect.stringContaining(message),
    });
    expect(findings.filter(({ check }) => check === 'hash').length).toBeLessThan(2);
  });

  it('is found where it is the first, and where nothing comes behind it', async () => {
    for (const position of [1, last]) {
      await log.owner.query(`UPDATE event_log.event SET data = data || ' ' WHERE position = $1`, [position]);
      expect(await first()).toEqual([
        position,
        'hash',
        expect.stringContaining('its hash is not that of its columns: one of them was changed'),
      ]);
      await log.restore();
      await log.owner.query('UPDATE event_log.event SET hash = sha256(hash) WHERE position = $1', [position]);
      expect((await verify()).findings).toContainEqual({
        position,
        check: 'hash',
        message: 'its hash was changed; its other columns are as they were recorded',
      });
      await log.restore();
    }
  });

  it('is found where its position was changed', async () => {
    await log.owner.query('UPDATE event_log.event SET position = 700 WHERE position = 7');
    expect(await first()).toEqual([7, 'position', expect.stringMatching(/^is missing; whether 8 was/)]);
    expect((await verify()).findings).toContainEqual({
      position: last + 1,
      check: 'position',
      message: expect.stringMatching(/^is missing, and all up to 699;/),
    });
  });

  it('is found though its hash was made to fit, by the event behind it', async () => {
    await log.owner.query(`UPDATE event_log.event SET data = '{}' WHERE position = 7`);
    const [before, changed] = (await log.events()).slice(5, 7);
    const hash = hashEvent((await log.head()).logId, before!.hash, changed!);
    await log.owner.query('UPDATE event_log.event SET hash = $1 WHERE position = 7', [hash]);
    expect((await verify()).findings).toEqual([
      {
        position: 8,
        check: 'hash',
        message: `${HASH}, or the event at 7 was replaced with its hash`,
      },
    ]);
  });
});

describe('events that were taken away, put in or moved', () => {
  it.each([
    ['the first', 1],
    ['one in the middle', 9],
  ])('are found where one is missing: %s', async (_, position) => {
    await log.owner.query('DELETE FROM event_log.event WHERE position = $1', [position]);
    expect(await first()).toEqual([position, 'position', expect.stringMatching(/^is missing; whether/)]);
  });

  it('are found where several are missing', async () => {
    await log.owner.query('DELETE FROM event_log.event WHERE position BETWEEN 4 AND 6');
    expect(await first()).toEqual([4, 'position', expect.stringMatching(/^is missing, and all up to 6;/)]);
  });

  it('are found where one was taken away and the rest moved up', async () => {
    await log.owner.query(`DELETE FROM event_log.event WHERE position = 9;
      UPDATE event_log.event SET position = -position WHERE position > 9;
      UPDATE event_log.event SET position = -position - 1 WHERE position < 0;
      UPDATE event_log.head SET position = position - 1`);
    expect(await first()).toEqual([9, 'hash', expect.stringContaining('its hash is not')]);
  });

  it('are found where one was put in', async () => {
    await log.owner.query(`UPDATE event_log.event SET position = -position WHERE position > 9;
      UPDATE event_log.event SET position = -position + 1 WHERE position < 0;
      UPDATE event_log.head SET position = position + 1;
      INSERT INTO event_log.event SELECT 10, 'account-eve', 1, gen_random_uuid(), type, schema, data, sealed, metadata,
        recorded_at, NULL, hash FROM event_log.event WHERE position = 1`);
    expect(await first()).toEqual([10, 'hash', expect.stringContaining('its hash is not')]);
  });

  it('are found where one was put behind the end', async () => {
    await log.owner
      .query(`INSERT INTO event_log.event SELECT position + 1, 'account-eve', 1, gen_random_uuid(), type, schema,
        data, sealed, metadata, recorded_at, NULL, hash FROM event_log.event WHERE position = ${last}`);
    expect((await verify()).findings).toMatchObject([
      { position: last + 1, check: 'hash' },
      {
        position: last + 1,
        check: 'head',
        message: `stands behind the head of the log, which is at ${last}`,
      },
      { position: last + 1, check: 'stream' },
    ]);
  });

  it('are found where two have changed places', async () => {
    await log.owner.query(`UPDATE event_log.event SET position = -1 WHERE position = 6;
      UPDATE event_log.event SET position = 6 WHERE position = 11;
      UPDATE event_log.event SET position = 11 WHERE position = -1`);
    expect(await first()).toEqual([6, 'hash', expect.stringContaining('its hash is not')]);
    expect((await verify()).findings).toContainEqual(
      expect.objectContaining({ position: 11, check: 'hash' }),
    );
  });

  it('are found where the end was cut off', async () => {
    await log.owner.query(`DELETE FROM event_log.event WHERE position > ${last - 2}`);
    expect(await first()).toEqual([
      last - 1,
      'head',
      `is missing, and all up to ${last}, which the head has come to: the end was cut off`,
    ]);
  });

  it('are found where all were taken away', async () => {
    await log.owner.query('DELETE FROM event_log.event');
    expect(await first()).toEqual([1, 'head', expect.stringContaining(`all up to ${last}`)]);
  });

  it('are found where one is there twice', async () => {
    await log.owner.query('ALTER TABLE event_log.event DROP CONSTRAINT event_pkey');
    await log.owner
      .query(`INSERT INTO event_log.event SELECT position, 'account-eve', 1, gen_random_uuid(), type, schema, data,
        sealed, metadata, recorded_at, NULL, hash FROM event_log.event WHERE position = 6`);
    expect((await verify()).findings).toContainEqual({
      position: 6,
      check: 'position',
      message: 'stands behind 6: it is there twice, or was moved',
    });
    await log.restore();
    await log.owner.query('ALTER TABLE event_log.event ADD PRIMARY KEY (position)');
  });
});

describe('one event that was changed, and every hash behind it made to fit', () => {
  it.each([
    ['version', 'version = version + 1000', /^has version 1\d{3} of its stream, \d+ is due$/],
    ['version', `stream_id = 'account-eve', version = 2`, /^has version 2 of its stream, 1 is due$/],
    ['revocation', 'revocation = revocation + 100', /^has the revocation number 102, 2 is due$/],
    ['revocation', 'revocation = NULL', /^has the revocation number null, 2 is due$/],
    ['revocation', `type = 'SessionIssued'`, /^has a revocation number, 2, and is a SessionIssued$/],
    ['time', `recorded_at = recorded_at - interval '1 hour'`, /^was recorded before the event before it$/],
  ])('is found by its %s: %s', async (check, change, message) => {
    const { position } = (await log.events()).find(({ revocation }) => revocation === 2)!;
    await log.owner.query(`UPDATE event_log.event SET ${change} WHERE position = $1`, [position]);
    await log.rewriteFrom(position);
    await log.owner.query('DELETE FROM event_log.checkpoint');
    expect(await first()).toEqual([position, check, expect.stringMatching(message)]);
  });
});

describe('what counts the events', () => {
  it.each([
    [
      'the head’s hash',
      'head',
      'hash = sha256(hash)',
      () => last,
      'the head of the log has another hash than the newest event',
    ],
    [
      'the head’s revocations',
      'head',
      'revocations = revocations + 1',
      () => last,
      /^the head of the log counts \d+ revocations, the events \d+$/,
    ],
    [
      'the head’s position',
      'head',
      'position = position - 1',
      () => last,
      /^stands behind the head of the log, which is at \d+$/,
    ],
    [
      'the version of a stream',
      'stream',
      `version = version - 1`,
      () => last,
      /^the stream "key-1" ends with version (\d+) at \d+, its row in event_log.stream says version \d+ at \d+$/,
    ],
    [
      'the position of a stream',
      'stream',
      'position = position + 1',
      () => last + 1,
      /^the stream "key-1" ends with version \d+ at (\d+), its row in event_log.stream says/,
    ],
    [
      'the name of a stream',
      'stream',
      `stream_id = 'key-2'`,
      () => last,
      /^the stream "key-[12]" (has a row in event_log.stream \(version \d+\), and no event|\(version \d+\) has no row)/,
    ],
  ])('is found where it says something else: %s', async (_, table, change, position, message) => {
    await log.owner.query(
      `UPDATE event_log.${table} SET ${change} ${table === 'stream' ? `WHERE stream_id = 'key-1'` : ''}`,
    );
    expect(await first()).toEqual([
      position(),
      table === 'head' ? 'head' : 'stream',
      expect.stringMatching(message),
    ]);
  });
});

describe('a log that its owner has rewritten as a whole', () => {
  /** Changes an event, and makes everything behind it fit. */
  const rewrite = async (position: number) => {
    await log.owner.query(`UPDATE event_log.event SET data = '{"forged":true}' WHERE position = $1`, [
      position,
    ]);
    await log.rewriteFrom(position);
  };
  const forgetCheckpoints = (after: number) =>
    log.owner.query('DELETE FROM event_log.checkpoint WHERE position > $1', [after]);

  it('contradicts the checkpoints in the same database', async () => {
    await rewrite(5);
    expect(await first()).toEqual([
      middle,
      'checkpoint',
      expect.stringMatching(
        new RegExp(
          `^the checkpoint of .+ \\(the database, number 1\\) has another hash: the log was rewritten somewhere from 1 to ${middle}$`,
        ),
      ),
    ]);
  });

  it('shows by nothing but a checkpoint that is kept elsewhere, once those are gone', async () => {
    await rewrite(5);
    await forgetCheckpoints(0);
    expect((await verify()).findings).toEqual([]);
    expect(await first(elsewhere(kept.middle))).toEqual([
      middle,
      'checkpoint',
      expect.stringMatching(/\(kept 1\) has another hash: the log was rewritten somewhere from 1 to \d+$/),
    ]);
  });

  it('is found between the last checkpoint that agrees and the first that does not', async () => {
    await rewrite(middle + 1);
    await forgetCheckpoints(middle);
    expect(await first(elsewhere(kept.end, kept.middle))).toEqual([
      last,
      'checkpoint',
      expect.stringContaining(`rewritten somewhere from ${middle + 1} to ${last}`),
    ]);
    expect((await verify(elsewhere(kept.middle))).findings).toEqual([]);
  });

  it('is found where its end was cut off without a trace', async () => {
    await log.owner.query(`DELETE FROM event_log.event WHERE position > ${last - 2}`);
    await log.rewriteFrom(last);
    await forgetCheckpoints(middle);
    expect((await verify()).findings).toEqual([]);
    expect(await first(elsewhere(kept.middle, kept.end))).toEqual([
      last - 1,
      'checkpoint',
      expect.stringContaining(`says that the log had come to ${last}: it has lost what is missing`),
    ]);
  });

  it('is found where the epoch was raised to excuse it, which it names', async () => {
    await rewrite(5);
    await forgetCheckpoints(0);
    await log.owner.query('UPDATE event_log.head SET epoch = 2');
    expect(await first(elsewhere(kept.middle))).toEqual([
      middle,
      'checkpoint',
      expect.stringContaining('it is of epoch 1, and the log is in 2: a restore that is known of may be'),
    ]);
  });

  it('is found where its checkpoints were made anew with another key', async () => {
    await rewrite(5);
    await forgetCheckpoints(0);
    const forger = checkpointSigner((await log.head()).logId);
    await log.storeKey(forger);
    await log.checkpoint(forger);
    expect((await verify()).findings).toEqual([]);
    expect(await first({ keys: [signer.verifier] })).toEqual([
      last,
      'checkpoint',
      'the checkpoint in the database, number 1: it is signed by none of the keys that were given',
    ]);
  });
});

describe('a checkpoint that cannot be trusted', () => {
  it('is found when a character of it was changed', async () => {
    const changed = kept.middle.replace(`\n${middle}\n`, `\n${middle + 1}\n`);
    expect(await first(elsewhere(changed))).toEqual([
      middle + 1,
      'checkpoint',
      expect.stringMatching(/^the checkpoint in kept 1: its signature is not that of signoff\//),
    ]);
  });

  it('is found when it is of another log, or no checkpoint', async () => {
    const { logId, ...head } = await log.head();
    const other = { ...head, logId: '0b7f1f6e-52a5-4c1e-9a53-6f2f0f6f9d12', madeAt: Date.now() };
    expect(await first(elsewhere(signer.sign(other)))).toEqual([
      null,
      'checkpoint',
      `the checkpoint in kept 1 is of another log, ${other.logId}: this one is ${logId}`,
    ]);
    expect(await first(elsewhere('a letter\n'))).toEqual([
      null,
      'checkpoint',
      expect.stringContaining('the checkpoint in kept 1: it is no signed note'),
    ]);
  });

  it('is found when it was taken out of the database', async () => {
    await log.owner.query('DELETE FROM event_log.checkpoint WHERE number = 1');
    expect(await first()).toEqual([
      null,
      'checkpoint',
      'the database has 1 checkpoints, the newest has number 2',
    ]);
  });

  it('is found when it is of a later epoch than the log', async () => {
    const { logId, position, hash } = await log.head();
    const note = signer.sign({ logId, epoch: 2, position, hash, madeAt: Date.now() });
    expect(await first(elsewhere(note))).toEqual([
      last,
      'checkpoint',
      expect.stringContaining('is of epoch 2, the log of 1'),
    ]);
  });
});
