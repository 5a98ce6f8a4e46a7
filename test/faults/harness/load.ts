import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer } from '../../e2e/harness/call.js';
import { type Issued, operatorPath } from '../../e2e/harness/sessions.js';
import type { Api } from '../../e2e/harness/world.js';
import { Book, type KnownSession } from './book.js';
import type { Random } from './random.js';

const OWN = '/api/account/sessions';
const ANSWER_WITHIN_MS = 1_500;
const SETTLE_WITHIN_MS = 40_000;
const SHOWN_ON_ONE_PAGE = 100;

const MOVES = { issue: 42, extend: 10, end: 14, endAll: 4, endOthers: 4, list: 13, introspect: 13 };

export interface Sent {
  readonly key: string;
  readonly what: string;
  readonly send: (api: Api) => Promise<Answer>;
  /** Undefined as long as nobody has answered it. */
  answer?: Answer;
}

export interface LoadOptions {
  /** Those that are up at the moment: may change under way. */
  readonly apis: Api[];
  readonly random: Random;
  readonly accounts?: number;
  readonly clients?: number;
  /** Of what clients were told before; a new one unless given. */
  readonly book?: Book;
  /** Clients rest for at most so long between two moves, in milliseconds. */
  readonly restMs?: number;
}

/**
 * Clients that issue, extend, end, list and introspect sessions. Each command has an `Idempotency-Key`; what is not
 * answered is sent again, with the same key, to any process, until it is.
 */
export class Load {
  readonly book: Book;
  /** Every command, in the order in which they were sent first. */
  readonly sent: Sent[] = [];
  /** Answers 5xx, broken connections, silence: of commands and questions. */
  failures = 0;
  answers = 0;
  private readonly attempts = new Map<string, number>();
  private readonly flying = new Map<Promise<Answer | undefined>, Api>();
  private readonly counted = new EventEmitter().setMaxListeners(100);
  private readonly clients: Promise<unknown>[];
  private readonly restMs: number;
  private stopped = false;
  private giveUpAt = Infinity;

  constructor(private readonly options: LoadOptions) {
    const { accounts = 200, clients = 10, restMs = 25, book = new Book() } = options;
    this.restMs = restMs;
    this.book = book;
    const names = Array.from({ length: accounts }, (_, i) => `account-${i}`);
    this.clients = Array.from({ length: clients }, () => this.client(names));
  }

  /** Resolves after so many more answers. */
  async answered(more: number): Promise<void> {
    for (const enough = this.answers + more; this.answers < enough;) await once(this.counted, 'answer');
  }

  /** Resolves after so many more failed attempts. */
  async failed(more: number): Promise<void> {
    for (const enough = this.failures + more; this.failures < enough;) await once(this.counted, 'failure');
  }

  /** The answers to what a process is being asked at this moment; undefined where none came. */
  inFlight(api: Api): Promise<(Answer | undefined)[]> {
    return Promise.all([...this.flying].flatMap(([attempt, asked]) => (asked === api ? attempt : [])));
  }

  /** Sends nothing new; resolves when everything was answered. Throws when something never is. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.giveUpAt = performance.now() + SETTLE_WITHIN_MS;
    await Promise.all(this.clients);
    const unanswered = this.sent.filter(({ answer }) => !answer);
    if (unanswered.length > 0)
      throw new Error(`never answered: ${unanswered.map(({ what }) => what).join()}`);
  }

  /** Leaves everything as it is. */
  async abandon(): Promise<void> {
    this.stopped = true;
    this.giveUpAt = 0;
    await Promise.all(this.clients);
  }

  private async client(accounts: readonly string[]): Promise<void> {
    const { random } = this.options;
    while (!this.stopped) {
      const account = random.pick(accounts);
      const session = random.pick(this.book.of(account).sessions.filter(({ issued }) => issued));
      const move = random.weighted(MOVES);
      if (move === 'issue' || !session) await this.issue(account);
      else if (move === 'extend') await this.extend(session);
      else if (move === 'end') await this.end(session);
      else if (move === 'endAll') await this.endAll(account);
      else if (move === 'endOthers') await this.endOthers(session);
      else if (move === 'list') await this.list(account);
      else await this.introspect(session);
      await sleep(random.next() * this.restMs);
    }
  }

  /** One move of a client's, which a scenario may make itself. */
  async issue(account: string): Promise<void> {
    const session = this.book.issueBegins(account);
    const body = { accountId: account, ipAddress: '203.0.113.9', userAgent: 'curl/8.14.1' };
    const { answer } = await this.command(`issue ${account}`, (api, headers) =>
      api.service.post('/api/sessions', body, headers),
    );
    if (this.expected(answer, 201)) this.book.issueAnswered(session, answer!.body.data as Issued);
  }

  private async extend(session: KnownSession): Promise<void> {
    const { token } = session.issued!;
    const body = { expiresInSeconds: 2_592_000 + this.options.random.between(1, 1_000_000) };
    const { answer } = await this.command(`extend ${token}`, (api, headers) =>
      api.service.send('PATCH', `/api/sessions/${token}`, { body, headers }),
    );
    if (!this.expected(answer, 200, session.enders.size > 0 ? 404 : 200)) return;
    if (answer!.status === 200) session.expiresAt = answer!.body.data.expiresAt as string;
  }

  private async end(session: KnownSession): Promise<void> {
    const { token, accessToken } = session.issued!;
    const byItself = this.options.random.next() < 0.5;
    const { key, answer } = await this.command(`end ${token}`, (api, headers, key) => {
      this.book.endingBegins(key, [session]);
      return byItself
        ? api.as(accessToken).delete(`${OWN}/${token}`, { headers })
        : api.service.delete(`${operatorPath(session.account)}/${token}`, { headers });
    });
    const byAnother = [...session.enders].some((ender) => ender !== key);
    // A session that has ended itself cannot ask a second time what came of it.
    const gone = byItself ? 401 : 404;
    const askedTwice = byItself && this.attempts.get(key)! > 1;
    if (this.expected(answer, 200, byAnother || askedTwice ? gone : 200)) this.book.ended(session);
  }

  async endAll(account: string): Promise<void> {
    let since = 0;
    const { key, answer } = await this.command(`end all of ${account}`, (api, headers, key) => {
      since ||= this.book.endingOfAllBegins(key, account);
      return api.service.delete(operatorPath(account), { headers });
    });
    if (this.expected(answer, 200)) this.book.endingOfAllAnswered(key, account, since);
  }

  private async endOthers(session: KnownSession): Promise<void> {
    const { account, issued } = session;
    let since = 0;
    const { key, answer } = await this.command(`end others than ${issued!.token}`, (api, headers, key) => {
      if (since === 0) {
        since = this.book.endingOfAllBegins(key, account);
        session.enders.delete(key);
      }
      return api.as(issued!.accessToken).delete(OWN, { headers });
    });
    if (!this.expected(answer, 200, session.enders.size > 0 ? 401 : 200)) return;
    if (answer!.status === 200) this.book.endingOfAllAnswered(key, account, since, session);
    else this.book.of(account).openEndings.delete(key);
  }

  private async list(account: string): Promise<void> {
    const since = this.book.now;
    const api = this.options.random.pick(this.options.apis);
    const path = `${operatorPath(account)}?limit=${SHOWN_ON_ONE_PAGE}`;
    const answer = await this.attempt(api, () => api.service.get(path));
    if (!this.expected(answer, 200)) return;
    const { data, pagination } = answer!.body as { data: { token: string }[]; pagination: { total: number } };
    if (pagination.total > SHOWN_ON_ONE_PAGE) return;
    this.book.judgeList(
      account,
      data.map(({ token }) => token),
      since,
      api.url,
    );
  }

  private async introspect(session: KnownSession): Promise<void> {
    const since = this.book.now;
    const api = this.options.random.pick(this.options.apis);
    const form = { token: session.issued!.accessToken };
    const answer = await this.attempt(api, () => api.service.postForm('/api/introspect', form));
    if (this.expected(answer, 200))
      this.book.judgeAccepted(session, answer!.body.active as boolean, since, api.url);
  }

  private async command(
    what: string,
    send: (api: Api, headers: Record<string, string>, key: string) => Promise<Answer>,
  ): Promise<Sent> {
    const key = randomUUID();
    const sent: Sent = { key, what, send: (api) => send(api, { 'idempotency-key': key }, key) };
    this.sent.push(sent);
    while (!sent.answer && performance.now() < this.giveUpAt) {
      this.attempts.set(key, (this.attempts.get(key) ?? 0) + 1);
      const api = this.options.random.pick(this.options.apis);
      sent.answer = await this.attempt(api, () => sent.send(api));
      if (!sent.answer) await sleep(this.options.random.between(20, 200));
    }
    return sent;
  }

  /** Undefined: nobody knows what came of it. */
  private attempt(api: Api, send: () => Promise<Answer>): Promise<Answer | undefined> {
    const attempt = this.answerTo(send).finally(() => this.flying.delete(attempt));
    this.flying.set(attempt, api);
    return attempt;
  }

  private async answerTo(send: () => Promise<Answer>): Promise<Answer | undefined> {
    const patience = new AbortController();
    const silence = sleep(ANSWER_WITHIN_MS, undefined, { signal: patience.signal }).catch(() => undefined);
    const answer = await Promise.race([send().catch(() => undefined), silence]);
    patience.abort();
    if (!answer || answer.status >= 500 || answer.status === 429) {
      this.failures++;
      this.counted.emit('failure');
      if (answer && answer.status >= 500 && answer.status !== 503)
        this.book.violations.push(`answered ${answer.status}: ${answer.text}`);
      if (answer && !answer.headers['retry-after'])
        this.book.violations.push(`answered ${answer.status} without Retry-After: ${answer.text}`);
      return undefined;
    }
    this.answers++;
    this.counted.emit('answer');
    return answer;
  }

  private expected(answer: Answer | undefined, ...statuses: number[]): boolean {
    if (!answer) return false;
    if (statuses.includes(answer.status)) return true;
    this.book.violations.push(
      `answered ${answer.status} instead of ${statuses.join(' or ')}: ${answer.text}`,
    );
    return false;
  }
}
