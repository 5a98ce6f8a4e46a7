import { jetstream, type JsMsg } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';

const STREAM = 'SESSIONS';

/** Anybody's NATS client: it knows the server and the subjects from the documentation, and nothing of our code. */
export class BusListener {
  readonly messages: JsMsg[] = [];
  private readonly watchers = new Set<() => void>();

  private constructor(private readonly connection: NatsConnection) {}

  /** Hears what the stream holds and all that follows, in order. The stream has to exist. */
  static async start(url: string, subject: string): Promise<BusListener> {
    const connection = await connect({ servers: url });
    const listener = new BusListener(connection);
    const consumer = await jetstream(connection).consumers.get(STREAM, { filter_subjects: subject });
    await consumer.consume({
      callback(message) {
        listener.messages.push(message);
        for (const look of listener.watchers) look();
      },
    });
    return listener;
  }

  /** Resolves when so many messages have arrived, at once if they have already. */
  has(count: number): Promise<readonly JsMsg[]> {
    return new Promise((resolve) => {
      const look = () => {
        if (this.messages.length < count) return;
        this.watchers.delete(look);
        resolve(this.messages);
      };
      this.watchers.add(look);
      look();
    });
  }

  /** Resolves when the message with this sequence, or a later one, has arrived. */
  reached(sequence: number): Promise<readonly JsMsg[]> {
    return new Promise((resolve) => {
      const look = () => {
        if ((this.messages.at(-1)?.seq ?? 0) < sequence) return;
        this.watchers.delete(look);
        resolve(this.messages);
      };
      this.watchers.add(look);
      look();
    });
  }

  stop(): Promise<void> {
    return this.connection.close();
  }
}
