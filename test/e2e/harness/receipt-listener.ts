import { connect, type NatsConnection } from '@nats-io/transport-node';
import { monotonic } from './monotonic.js';

interface Heard {
  readonly at: number;
  readonly position: number;
  readonly revocations: number;
}

/** Anybody's look at what the instances say of themselves on the bus. Instances are named `<service>/<instance>`. */
export class ReceiptListener {
  private readonly heard = new Map<string, Heard[]>();

  private constructor(private readonly connection: NatsConnection) {
    connection.subscribe('signoff.receipt.*.*', {
      callback: (_, message) => {
        const at = monotonic();
        const [, , service, instance] = message.subject.split('.');
        this.of(`${service}/${instance}`).push({ at, ...message.json<Omit<Heard, 'at'>>() });
      },
    });
  }

  static async start(url: string): Promise<ReceiptListener> {
    const listener = new ReceiptListener(await connect({ servers: url }));
    await listener.connection.flush();
    return listener;
  }

  /** When it was heard that the instance holds everything up to this position. */
  saidAt(instance: string, position: number): number | undefined {
    return this.of(instance).find((receipt) => receipt.position >= position)?.at;
  }

  latest(instance: string): Heard | undefined {
    return this.of(instance).at(-1);
  }

  stop(): Promise<void> {
    return this.connection.close();
  }

  private of(instance: string): Heard[] {
    const receipts = this.heard.get(instance) ?? [];
    this.heard.set(instance, receipts);
    return receipts;
  }
}
