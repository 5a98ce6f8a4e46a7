import { randomBytes, timingSafeEqual } from 'node:crypto';
import { keyIsValid } from '#domain/api-key/decider.js';
import { SERVICE_SCOPES } from '#domain/api-key/scopes.js';
import { apiKeyIdFrom, isApiKeyId } from '#domain/identifier.js';
import { ApiKeyFolds, apiKeyStreamId } from '#event-log/api-key-stream.js';
import type { RecordedEvent } from '#event-log/event.js';
import { sha256 } from '#event-log/sha256.js';
import type { Vault } from '#event-log/vault.js';
import { LRUCache } from 'lru-cache';
import { notValid } from './access-error.js';
import type { Principal } from './principal.js';

export const BOOTSTRAP_KEY_ID = 'bootstrap';

/** `key_<id>.<secret>`: the text names its key, so that one look-up tells whether it is good. */
export function createApiKeyText(): { keyId: string; text: string; secretHash: string } {
  const keyId = apiKeyIdFrom(randomBytes(16));
  const text = `${keyId}.${randomBytes(32).toString('base64url')}`;
  return { keyId, text, secretHash: sha256(text).toString('hex') };
}

/** The public name in a text that is built like a key, whether or not there is such a key. */
export function keyNamedIn(text: string): string | undefined {
  const keyId = text.slice(0, text.indexOf('.'));
  return isApiKeyId(keyId) ? keyId : undefined;
}

/** Says whose an API key is. Only its SHA-256 is stored, sealed, in the key's own stream. */
export class ApiKeys {
  private readonly bootstrapHash: Buffer | undefined;
  private readonly secretHashes = new LRUCache<string, Buffer>({ max: 10_000 });

  constructor(
    private readonly folds: ApiKeyFolds,
    private readonly vault: Vault,
    bootstrapKey: string | undefined,
  ) {
    this.bootstrapHash = bootstrapKey === undefined ? undefined : sha256(bootstrapKey);
  }

  /** A revoked key stops at once at every process: its stream's version is read for each request. */
  async authenticate(text: string): Promise<Principal> {
    const given = sha256(text);
    if (this.bootstrapHash && timingSafeEqual(given, this.bootstrapHash)) {
      return { kind: 'service-key', keyId: BOOTSTRAP_KEY_ID, scopes: SERVICE_SCOPES };
    }
    const keyId = keyNamedIn(text);
    if (keyId === undefined) throw notValid();
    const { state, now, isKept } = await this.folds.current(apiKeyStreamId(keyId));
    if (!keyIsValid(state.key, now) || !state.created) throw notValid(keyId);
    const { created } = state;
    const secretHash = this.secretHashes.get(created.eventId) ?? (await this.openSecretHash(created));
    if (secretHash === undefined || !timingSafeEqual(given, secretHash)) throw notValid(keyId);
    const { scopes, accountId } = state.key;
    const foundAt = { now, isKept };
    return accountId === null
      ? { kind: 'service-key', keyId, scopes, foundAt }
      : { kind: 'account-key', accountId, keyId, scopes, foundAt };
  }

  /** Undefined when what seals it was destroyed: then the key opens nothing any more. */
  private async openSecretHash(created: RecordedEvent): Promise<Buffer | undefined> {
    const [secret] = await this.vault.open([created]);
    if (!secret?.secretHash) return undefined;
    const secretHash = Buffer.from(secret.secretHash, 'hex');
    this.secretHashes.set(created.eventId, secretHash);
    return secretHash;
  }
}
