import {
  jetstream,
  jetstreamManager,
  JetStreamApiCodes,
  JetStreamApiError,
  type JsMsg,
} from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';

const STREAM = 'SESSIONS';

/** Anybody's NATS client: it knows the server and the subjects from the documentation, and nothing of our code. */
export class BusListener {
  readonly messages: JsMsg[] = [];
  private readonly watchers = new Set<() => void>();

  private constructor(private readonly connection: NatsConnection) {}

  /** Hears what the stream holds and all that follows, in order; waits for the stream if it is not there yet. */
  static async start(url: string, subject: string): Promise<BusListener> {
    const connection = await connect({ servers: url });
    await streamExists(connection);
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
    return this.until(() => this.messages.length >= count);
  }

  /** Resolves when the message with this sequence, or a later one, has arrived. */
  reached(sequence: number): Promise<readonly JsMsg[]> {
    return this.until(() => (this.messages.at(-1)?.seq ?? 0) >= sequence);
  }

  stop(): Promise<void> {
    return this.connection.close();
  }

  private until(arrived: () => boolean): Promise<readonly JsMsg[]> {
    return new Promise((resolve) => {
      const look = () => {
        if (!arrived()) return;
        this.watchers.delete(look);
        resolve(this.messages);
      };
      this.watchers.add(look);
      look();
    });
  }
}

async function streamExists(connection: NatsConnection): Promise<void> {
  const created = connection.subscribe(`$JS.EVENT.ADVISORY.STREAM.CREATED.${STREAM}`, { max: 1 });
  const manager = await jetstreamManager(connection);
  try {
    await manager.streams.info(STREAM);
    created.unsubscribe();
  } catch (error) {
    const missing = error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound;
    if (!missing) throw error;
    for await (const _ of created) return;
  }
}
