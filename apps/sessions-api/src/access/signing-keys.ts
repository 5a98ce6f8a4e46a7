import { setTimeout as sleep } from 'node:timers/promises';
import type { MasterKey } from '#event-log/master-key.js';
import type { CryptoKey, JWK } from 'jose';
import type { Pool } from 'pg';
import { millisecondsSince, moment, type Moment } from '#event-log/moment.js';
import { makeSigningKey } from './new-signing-key.js';
import { isPublished, livesOf, type SigningKeyState } from './signing-key-lifecycle.js';
import { SigningKeyOpener, type SigningKey } from './signing-key-opener.js';
import {
  changeSigningKeys,
  discardPrivateKeys,
  insertSigningKey,
  readSigningKeys,
} from './signing-key-table.js';

/** What was read about the keys counts for so long, from the moment that it was asked for. */
export const KEYS_COUNT_FOR_MS = 1_000;
const LOOK_FOR_UNKNOWN_EVERY_MS = 250;

export interface SigningKeysOptions {
  readonly countForMs?: number;
  readonly lookForUnknownEveryMs?: number;
  /** Told at the start, and whenever a key comes or its state changes. */
  readonly changed?: (states: ReadonlyMap<string, SigningKeyState>) => void;
}

interface KeySet {
  readonly askedAt: Moment;
  readonly states: ReadonlyMap<string, SigningKeyState>;
  readonly accepted: ReadonlyMap<string, SigningKey>;
  readonly current: SigningKey | undefined;
  readonly published: JWK[];
}

/**
 * The keys that session credentials are signed with, shared by all API processes through PostgreSQL.
 *
 * Nothing is accepted on older knowledge than that of a second ago: once a change is a second old every process heeds
 * it, one that was stopped meanwhile included. That costs a look each half second, and none per request. A kid that
 * nobody knows is looked for at once, but whoever makes kids up causes four looks a second, no more.
 */
export class SigningKeys {
  private readonly opener: SigningKeyOpener;
  private readonly countForMs: number;
  private readonly lookForUnknownEveryMs: number;
  private keys: KeySet | undefined;
  private reading: Promise<KeySet> | undefined;
  private lookingForUnknown: Promise<KeySet> | undefined;

  constructor(
    private readonly pool: Pool,
    private readonly masterKey: MasterKey,
    private readonly options: SigningKeysOptions = {},
  ) {
    this.opener = new SigningKeyOpener(masterKey);
    this.countForMs = options.countForMs ?? KEYS_COUNT_FOR_MS;
    this.lookForUnknownEveryMs = options.lookForUnknownEveryMs ?? LOOK_FOR_UNKNOWN_EVERY_MS;
  }

  /** Reads the keys, and makes the first one where there is none. Throws when the one to sign with does not open. */
  async start(): Promise<void> {
    if (!(await this.read()).current) {
      await this.makeFirst();
      await this.read();
    }
    await this.current();
  }

  /** The key to sign with. What was appended has to get its credential, even if PostgreSQL is away by now. */
  async current(): Promise<{ kid: string; privateKey: CryptoKey }> {
    const { current } = await this.freshIfPossible();
    if (!current?.privateKey) throw new Error('there is no signing key');
    const { kid, privateKey } = current;
    if (privateKey instanceof Error) throw privateKey;
    return { kid, privateKey };
  }

  /** The public key that a credential names, as long as credentials under it are accepted. */
  async find(kid: string): Promise<CryptoKey | undefined> {
    const arrival = performance.now();
    let keys = this.counting(arrival) ?? (await this.fresh());
    // Another process may have made it a moment ago.
    if (!keys.states.has(kid) && keys.askedAt.monotonic < arrival) keys = await this.lookForUnknown();
    return keys.accepted.get(kid)?.publicKey;
  }

  /** Whether credentials under this key are accepted, if what is known of the keys counts; false also where it does not. */
  isAccepted(kid: string): boolean {
    return this.counting(performance.now())?.accepted.has(kid) ?? false;
  }

  /** RFC 7517, for whoever verifies credentials by himself, even if PostgreSQL is away. */
  async jwks(): Promise<{ keys: JWK[] }> {
    return { keys: (await this.freshIfPossible()).published };
  }

  /** Of several processes that start together, the first makes it. */
  private makeFirst(): Promise<void> {
    return changeSigningKeys(this.pool, async (client) => {
      const { rows, now } = await readSigningKeys(client);
      if (livesOf(rows, now).some(({ state }) => state === 'current')) return;
      await insertSigningKey(client, await makeSigningKey(this.masterKey), 0);
    });
  }

  private async freshIfPossible(): Promise<KeySet> {
    return this.fresh().catch((error: unknown) => {
      if (this.keys) return this.keys;
      throw error;
    });
  }

  private async fresh(): Promise<KeySet> {
    const arrival = performance.now();
    for (;;) {
      const keys = this.counting(arrival);
      if (keys) return keys;
      await this.read();
    }
  }

  /** The keys, if what is known of them counts for who came then. */
  private counting(arrival: number): KeySet | undefined {
    if (!this.keys) return undefined;
    const { askedAt } = this.keys;
    const age = millisecondsSince(askedAt);
    // Looked at again while it still counts, so that hardly anybody waits.
    if (age > this.countForMs / 2) this.read().catch(() => undefined);
    return age <= this.countForMs || askedAt.monotonic >= arrival ? this.keys : undefined;
  }

  /** A look that begins after whoever calls; all who call before it begins share it. */
  private lookForUnknown(): Promise<KeySet> {
    return (this.lookingForUnknown ??= (async () => {
      const pause = this.lookForUnknownEveryMs - millisecondsSince(this.keys!.askedAt);
      // Also where there is nothing to wait for: what is over before it is assigned would stay for ever.
      await sleep(Math.max(pause, 0));
      while (this.reading) await this.reading.catch(() => undefined);
      this.lookingForUnknown = undefined;
      return this.read();
    })());
  }

  private read(): Promise<KeySet> {
    return (this.reading ??= this.readTable().finally(() => (this.reading = undefined)));
  }

  private async readTable(): Promise<KeySet> {
    const askedAt = moment();
    const { rows, now } = await readSigningKeys(this.pool);
    const lives = livesOf(rows, now);
    const published = lives.filter(({ state }) => isPublished(state)).map(({ key }) => key);
    const accepted = await this.opener.open(published);
    const current = lives.find(({ state }) => state === 'current');
    const before = this.keys;
    this.keys = {
      askedAt,
      states: new Map(lives.map(({ key, state }) => [key.kid, state])),
      accepted,
      current: current && accepted.get(current.key.kid),
      published: published.map(({ publicJwk }) => publicJwk),
    };
    this.tell(before, this.keys);
    const done = lives.filter(({ hasSignedItsLast, key }) => hasSignedItsLast && key.wrappedKey);
    if (done.length > 0) this.forget(done.map(({ key }) => key.kid));
    return this.keys;
  }

  private tell(before: KeySet | undefined, { states }: KeySet): void {
    const isSame =
      before?.states.size === states.size &&
      [...states].every(([kid, state]) => before.states.get(kid) === state);
    if (!isSame) this.options.changed?.(states);
  }

  /** Nobody waits for it: what is not forgotten now is forgotten at the next look. */
  private forget(kids: readonly string[]): void {
    discardPrivateKeys(this.pool, kids).catch(() => undefined);
  }
}
