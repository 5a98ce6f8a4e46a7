import { nuid, type NatsConnection } from '@nats-io/transport-node';
import { headSubject, readHead, readPage, revocationsSubject, type Head, type Page } from './protocol.js';

const PAGE_WITHIN_MS = 5_000;

/** What can be asked of the API, by request and reply on core NATS. Every answer is from PostgreSQL, read after the question. */
export class Api {
  constructor(
    private readonly connection: NatsConnection,
    private readonly service: string,
  ) {}

  async head(withinMs: number): Promise<Head> {
    const nonce = nuid.next();
    const question = JSON.stringify({ nonce });
    const answer = await this.connection.request(headSubject(this.service), question, { timeout: withinMs });
    return readHead(answer.data, nonce);
  }

  /** The revocations behind number `after`, in order, at most `limit` of them. */
  async revocations(after: number, limit: number): Promise<Page> {
    const question = JSON.stringify({ after, limit });
    const timeout = { timeout: PAGE_WITHIN_MS };
    return readPage(
      (await this.connection.request(revocationsSubject(this.service), question, timeout)).data,
    );
  }
}
