import type { Issued } from '../../e2e/harness/sessions.js';

/** A session as its clients know it. */
export interface KnownSession {
  readonly account: string;
  /** Undefined until its issue was answered. */
  issued?: Issued & { readonly at: number };
  /** The commands that may have ended it, answered or not. */
  readonly enders: Set<string>;
  /** When an answer said that it has ended. */
  endedAt?: number;
  expiresAt?: string;
}

interface KnownAccount {
  readonly sessions: KnownSession[];
  readonly openEndings: Set<string>;
}

/**
 * What clients were told, and when, by a clock that counts what they did. All that follows from it is what Signoff
 * promises: nothing here knows how it is kept.
 */
export class Book {
  /** What was seen that no promise allows. */
  readonly violations: string[] = [];
  private readonly accounts = new Map<string, KnownAccount>();
  private clock = 0;

  get now(): number {
    return ++this.clock;
  }

  get names(): string[] {
    return [...this.accounts.keys()];
  }

  get sessions(): KnownSession[] {
    return [...this.accounts.values()].flatMap(({ sessions }) => sessions);
  }

  of(account: string): KnownAccount {
    const known = this.accounts.get(account);
    if (known) return known;
    const unknown = { sessions: [], openEndings: new Set<string>() };
    this.accounts.set(account, unknown);
    return unknown;
  }

  issueBegins(account: string): KnownSession {
    const { sessions, openEndings } = this.of(account);
    const session = { account, enders: new Set(openEndings) };
    sessions.push(session);
    return session;
  }

  issueAnswered(session: KnownSession, issued: Issued): void {
    session.issued = { ...issued, at: this.now };
    session.expiresAt = issued.expiresAt;
  }

  endingBegins(key: string, sessions: readonly KnownSession[]): void {
    for (const { enders } of sessions) enders.add(key);
  }

  ended(session: KnownSession): void {
    session.endedAt ??= this.now;
  }

  /** Of every session of an account: also of those that are issued while it is under way. */
  endingOfAllBegins(key: string, account: string): number {
    const { sessions, openEndings } = this.of(account);
    openEndings.add(key);
    this.endingBegins(key, sessions);
    return this.now;
  }

  endingOfAllAnswered(key: string, account: string, since: number, except?: KnownSession): void {
    const { sessions, openEndings } = this.of(account);
    openEndings.delete(key);
    for (const session of sessions) {
      if (session !== except && session.issued && session.issued.at < since) this.ended(session);
    }
  }

  /** P4: judges a list that was asked for at `since` and has just been answered. */
  judgeList(account: string, tokens: readonly string[], since: number, where: string): void {
    const listed = new Set(tokens);
    if (listed.size !== tokens.length) this.violations.push(`${where}: a list of ${account} repeats itself`);
    for (const { issued, enders, endedAt } of this.of(account).sessions) {
      if (!issued) continue;
      const { token } = issued;
      if (endedAt && endedAt < since && listed.has(token))
        this.violations.push(`${where}: ${token} is listed after its end was acknowledged`);
      if (issued.at < since && enders.size === 0 && !listed.has(token))
        this.violations.push(`${where}: ${token}, acknowledged, is missing in a list`);
    }
  }

  /** P5: judges whether a credential was accepted, in an answer to what was asked at `since`. */
  judgeAccepted(session: KnownSession, accepted: boolean, since: number, where: string): void {
    const { token } = session.issued!;
    if (accepted && session.endedAt && session.endedAt < since)
      this.violations.push(`${where}: ${token} is accepted after its end was acknowledged`);
    if (!accepted && session.enders.size === 0)
      this.violations.push(`${where}: ${token} is not accepted, though nobody ended it`);
  }
}
