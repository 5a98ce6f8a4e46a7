import { MAX_LIFETIME_SECONDS } from '#domain/account-sessions/lifetime.js';

export type SigningKeyState = 'next' | 'current' | 'superseded' | 'retired' | 'removed';

const DAY_MS = 86_400_000;
/** No credential lives longer than this; the day is for clocks, and for a process that learns of the next key late. */
const PUBLISHED_AFTER_LAST_SIGNATURE_MS = MAX_LIFETIME_SECONDS * 1_000 + DAY_MS;
const PRIVATE_KEY_KEPT_FOR_MS = 3_600_000;

export interface SigningKeyTimes {
  readonly wrappedKey: Buffer | null;
  readonly signsFrom: Date;
  readonly removedAt: Date | null;
}

export interface SigningKeyLife<Key> {
  readonly key: Key;
  readonly state: SigningKeyState;
  /** When it leaves the JWKS; null while no other key is to follow it. */
  readonly publishedUntil: Date | null;
  /** Nobody will sign with it any more, and its private half can be forgotten. */
  readonly hasSignedItsLast: boolean;
}

/**
 * What each key is at `now`, in the order of `signsFrom`.
 *
 *     next ── signs_from ──► current ── the following one's signs_from ──► superseded ── 91 days ──► retired
 *       └────────────────────────┴──────────────── removed_at ──────────────────┴──► removed
 *
 * Published and accepted: next, current, superseded.
 */
export function livesOf<Key extends SigningKeyTimes>(keys: readonly Key[], now: Date): SigningKeyLife<Key>[] {
  const inOrder = keys.toSorted((one, other) => one.signsFrom.getTime() - other.signsFrom.getTime());
  const able = inOrder.filter(({ removedAt, wrappedKey }) => !removedAt && wrappedKey);
  // Before the first one's time there is nothing better than to sign with it: PostgreSQL's clock was set back.
  const current = able.findLast(({ signsFrom }) => signsFrom <= now) ?? able[0];

  return inOrder.map((key, i): SigningKeyLife<Key> => {
    if (key.removedAt)
      return { key, state: 'removed', publishedUntil: key.removedAt, hasSignedItsLast: true };
    // One that was removed before its time has superseded nothing; one that was removed later has, all the same.
    const following = inOrder
      .slice(i + 1)
      .find(({ removedAt, signsFrom }) => !removedAt || removedAt > signsFrom);
    const publishedUntil = following
      ? new Date(following.signsFrom.getTime() + PUBLISHED_AFTER_LAST_SIGNATURE_MS)
      : null;
    if (key === current) return { key, state: 'current', publishedUntil, hasSignedItsLast: false };
    if (key.signsFrom > now) return { key, state: 'next', publishedUntil, hasSignedItsLast: false };
    return {
      key,
      state: publishedUntil && publishedUntil <= now ? 'retired' : 'superseded',
      publishedUntil,
      hasSignedItsLast:
        following !== undefined && following.signsFrom.getTime() + PRIVATE_KEY_KEPT_FOR_MS <= now.getTime(),
    };
  });
}

export const isPublished = (state: SigningKeyState) =>
  state === 'next' || state === 'current' || state === 'superseded';
