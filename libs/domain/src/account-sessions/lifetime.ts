import { DomainError } from '../domain-error.js';
import { floorToSecond, plusSeconds, type Instant } from '../instant.js';

export const MIN_LIFETIME_SECONDS = 60;
export const MAX_LIFETIME_SECONDS = 7_776_000;

/** How long a credential shall be good: counted from now, or up to an instant (rounded down to a second). */
export type Lifetime = { readonly expiresInSeconds: number } | { readonly expiresAt: Instant };

/**
 * A whole second, equal to the credential's `exp`; `iat` is `now` rounded down. `latest`: when a session has to end at
 * the latest, where that is sooner than the longest life of a credential.
 */
export function expiryOf(lifetime: Lifetime, now: Instant, latest = lastInstant(now)): Instant {
  const issuedAtSecond = floorToSecond(now);
  const [field, expiresAt] =
    'expiresAt' in lifetime
      ? ['expiresAt', floorToSecond(lifetime.expiresAt)]
      : ['expiresInSeconds', plusSeconds(issuedAtSecond, lifetime.expiresInSeconds)];
  const earliest = plusSeconds(issuedAtSecond, MIN_LIFETIME_SECONDS);
  if (expiresAt < earliest || expiresAt > latest) {
    throw new DomainError('SESSION_LIFETIME_INVALID', `must lie between ${earliest} and ${latest}`, field);
  }
  return expiresAt;
}

/** When a session that was issued at `issuedAt` has to end at the latest. */
export function lastInstant(issuedAt: Instant, maxLifeSeconds = MAX_LIFETIME_SECONDS): Instant {
  return plusSeconds(floorToSecond(issuedAt), maxLifeSeconds);
}
