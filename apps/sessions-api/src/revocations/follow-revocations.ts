import { Injectable } from '@nestjs/common';
import { RevocationNews } from './revocation-news.js';
import { RevocationPages } from './revocation-pages.js';
import type { RevocationsPage } from './revocations-page.js';

const PAGE = 1_000;
const HEAD_EACH_MS = 1_000;

/** For whoever cannot reach NATS: the revocations in order, as they come. */
@Injectable()
export class FollowRevocations {
  constructor(
    private readonly pages: RevocationPages,
    private readonly news: RevocationNews,
  ) {}

  /** The next ones behind number `after`, or none after `ms`: sooner when the log has not even come to `after`. */
  async page(after: number | undefined, limit: number, ms: number): Promise<RevocationsPage> {
    const giveUpAt = performance.now() + ms;
    const stopListening = this.news.listen();
    try {
      for (;;) {
        const { count } = this.news;
        const page = await this.pages.read(after, limit);
        const left = giveUpAt - performance.now();
        const isBehind = after !== undefined && after > page.head.revocations;
        if (page.revocations.length > 0 || isBehind || left <= 0 || this.news.hasStopped) return page;
        await this.news.wait(count, left);
      }
    } finally {
      stopListening();
    }
  }

  /**
   * One page after another, and at least one a second, until we stop or `check` throws. Numbers of another epoch count for
   * nothing: there it begins behind the floor.
   */
  async *pagesBehind(
    from: { readonly epoch?: number; readonly revocation: number } | undefined,
    check: () => Promise<unknown>,
  ): AsyncGenerator<RevocationsPage> {
    let after = from?.revocation;
    let epoch = from?.epoch;
    const stopListening = this.news.listen();
    try {
      while (!this.news.hasStopped) {
        const { count } = this.news;
        await check();
        const page = await this.pages.read(after, PAGE);
        const { head, revocations } = page;
        if (head.epoch !== (epoch ?? head.epoch)) {
          after = undefined;
          epoch = head.epoch;
          continue;
        }
        yield page;
        epoch = head.epoch;
        after = revocations.at(-1)?.revocation ?? after ?? head.revocationsFloor;
        if (revocations.length === 0) await this.news.wait(count, HEAD_EACH_MS);
      }
    } finally {
      stopListening();
    }
  }
}
