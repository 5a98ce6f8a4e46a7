import { nuid, type NatsConnection } from '@nats-io/transport-node';
import {
  headSubject,
  readHead,
  readPage,
  receiptSubject,
  revocationsSubject,
  signOffSubject,
  type Head,
  type Page,
  type Receipt,
  type Registration,
} from './protocol.js';

const PAGE_WITHIN_MS = 5_000;
const SIGN_OFF_WITHIN_MS = 1_000;

export interface Subscriber extends Registration {
  readonly service: string;
}

/** What is asked of the API and told it, on core NATS. Every answer is from PostgreSQL, read after the question. */
export class Api {
  constructor(
    private readonly connection: NatsConnection,
    private readonly subscriber: Subscriber,
  ) {}

  /** Registers whoever asks, before the head is read. */
  async head(withinMs: number): Promise<Head> {
    const { service, ...registration } = this.subscriber;
    const nonce = nuid.next();
    const answer = await this.ask(headSubject(service), { nonce, subscriber: registration }, withinMs);
    return readHead(answer, nonce, registration.bootId);
  }

  /** The revocations behind number `after`, in order, at most `limit` of them. */
  async revocations(after: number, limit: number): Promise<Page> {
    const subject = revocationsSubject(this.subscriber.service);
    return readPage(await this.ask(subject, { after, limit }, PAGE_WITHIN_MS));
  }

  announce(receipt: Omit<Receipt, 'bootId'>): void {
    if (this.connection.isClosed()) return;
    const { service, instance, bootId } = this.subscriber;
    this.connection.publish(receiptSubject(service, instance), JSON.stringify({ bootId, ...receipt }));
  }

  /** Nobody need wait for this instance any more. */
  async signOff(): Promise<void> {
    const { service, instance, bootId } = this.subscriber;
    await this.ask(signOffSubject(service), { instance, bootId }, SIGN_OFF_WITHIN_MS);
  }

  private async ask(subject: string, question: object, timeout: number): Promise<Uint8Array> {
    return (await this.connection.request(subject, JSON.stringify(question), { timeout })).data;
  }
}
