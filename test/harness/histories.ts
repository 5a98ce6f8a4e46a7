import { accountSessions, type AccountSessionCommand } from '#domain/account-sessions/decider.js';
import type { AccountSessionEvent } from '#domain/account-sessions/events.js';
import { DomainError } from '#domain/domain-error.js';
import fc from 'fast-check';

export const CAP = 4;
const MAX_LIFE_SECONDS = 7 * 86_400;
const START = Date.parse('2026-11-24T08:00:00.000Z');

export interface Step {
  readonly command: AccountSessionCommand;
  readonly events: readonly AccountSessionEvent[];
}

/** What came of random commands, given one after another to an account without sessions. */
export interface History {
  readonly steps: readonly Step[];
  readonly events: readonly AccountSessionEvent[];
  /** The time of the last command. */
  readonly now: string;
}

export const foldOf = (events: readonly AccountSessionEvent[]) =>
  events.reduce(accountSessions.evolve, accountSessions.initialState);

const minutes = fc.integer({ min: 1, max: 300 });
const act = fc.oneof(
  { weight: 5, arbitrary: fc.record({ act: fc.constant('issue' as const), minutes }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('extend' as const), minutes }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('revoke' as const), minutes }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constantFrom('others' as const, 'all' as const), minutes }) },
);
const move = fc.record({
  act,
  /** Which of the sessions issued so far is meant, and which one asks (none: an operator). */
  target: fc.nat(),
  actor: fc.option(fc.nat(), { freq: 3 }),
  passed: fc.integer({ min: 0, max: 40 * 60_000 }),
});

export const histories: fc.Arbitrary<History> = fc
  .array(move, { maxLength: 40, size: 'max' })
  .map((moves) => {
    const steps: Step[] = [];
    const events: AccountSessionEvent[] = [];
    const ids: string[] = [];
    let time = START;
    for (const { act, target, actor, passed } of moves) {
      time += passed;
      const now = new Date(time).toISOString();
      const pick = (n: number) => ids[n % Math.max(1, ids.length)] ?? 'none';
      const lifetime = { expiresInSeconds: act.minutes * 60 };
      const common = {
        now,
        sessionId: pick(target),
        ...(actor !== null && { actingSessionId: pick(actor) }),
      };
      const command = {
        issue: {
          type: 'IssueSession',
          now,
          sessionId: `s${ids.length}`,
          lifetime,
          sessionsPerAccount: CAP,
          maxLifeSeconds: 7_776_000,
        },
        extend: {
          type: 'ExtendSession',
          now,
          sessionId: pick(target),
          lifetime,
          maxLifeSeconds: MAX_LIFE_SECONDS,
        },
        revoke: { type: 'RevokeSession', ...common, reason: 'user' },
        others: {
          type: 'RevokeOtherSessions',
          ...common,
          currentSessionId: pick(target),
          reason: 'user_all',
        },
        all: { type: 'RevokeAllSessions', ...common, reason: 'operator' },
      }[act.act] as AccountSessionCommand;
      if (act.act === 'issue') ids.push(`s${ids.length}`);
      const decided = decideOrRefuse(command, events);
      steps.push({ command, events: decided });
      events.push(...decided);
    }
    return { steps, events, now: new Date(time).toISOString() };
  });

function decideOrRefuse(command: AccountSessionCommand, events: readonly AccountSessionEvent[]) {
  try {
    return accountSessions.decide(command, foldOf(events));
  } catch (error) {
    if (error instanceof DomainError) return [];
    throw error;
  }
}
