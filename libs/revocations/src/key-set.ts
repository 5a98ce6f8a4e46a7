import {
  createRemoteJWKSet,
  errors,
  type CryptoKey,
  type FlattenedJWSInput,
  type JWSHeaderParameters,
} from 'jose';
import { millisecondsSince, moment } from './moment.js';
import { RevocationsError } from './revocations-error.js';

const REFRESH_MS = 5 * 60_000;
const MAX_AGE_MS = 10 * 60_000;
const COOLDOWN_MS = 30_000;

/**
 * The keys that the API publishes. Fetched when first needed, again in the background each five minutes, and when a
 * credential names a key that is not among them, but not more often than each 30 seconds. Never used when older than ten
 * minutes: a key that was withdrawn is not trusted for longer.
 */
export class KeySet {
  private readonly keys: ReturnType<typeof createRemoteJWKSet>;
  private refreshedAt = moment();

  constructor(url: URL, cooldownMs = COOLDOWN_MS) {
    this.keys = createRemoteJWKSet(url, { cacheMaxAge: MAX_AGE_MS, cooldownDuration: cooldownMs });
  }

  /** The key with the header's `kid`. */
  readonly find = async (header?: JWSHeaderParameters, token?: FlattenedJWSInput): Promise<CryptoKey> => {
    try {
      return await this.keys(header, token);
    } catch (cause) {
      if (cause instanceof errors.JWKSNoMatchingKey) {
        throw new RevocationsError('KEY_UNKNOWN', 'no published key has this kid', cause);
      }
      throw unavailable(cause);
    }
  };

  /** Whether a key is still published. */
  async publishes(kid: string): Promise<boolean> {
    if (!this.keys.fresh)
      await this.keys.reload().catch((cause: unknown) => Promise.reject(unavailable(cause)));
    else if (millisecondsSince(this.refreshedAt) > REFRESH_MS) {
      this.refreshedAt = moment();
      this.keys.reload().catch(() => undefined);
    }
    return this.keys.jwks()?.keys.some((key) => key.kid === kid) ?? false;
  }
}

const unavailable = (cause: unknown) =>
  new RevocationsError('KEYS_UNAVAILABLE', 'the key set could not be had', cause);
