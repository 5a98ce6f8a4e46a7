import { Injectable } from '@nestjs/common';
import { Pool } from 'pg';
import { readRevocationsPage, type RevocationsPage } from './revocations-page.js';

/** One page after another: however many ask, they take one connection to PostgreSQL. */
@Injectable()
export class RevocationPages {
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly pool: Pool) {}

  /** Up to `limit` revocations behind number `after`, or else behind the floor. Read after this was asked. */
  read(after: number | undefined, limit: number): Promise<RevocationsPage> {
    const page = this.last.then(() => readRevocationsPage(this.pool, after, limit));
    this.last = page.catch(() => undefined);
    return page;
  }
}
