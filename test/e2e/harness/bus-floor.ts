import { setTimeout as sleep } from 'node:timers/promises';
import { AckPolicy, jetstreamManager, StorageType, type JetStreamClient } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { monotonic } from './monotonic.js';

const NAME = 'FLOOR';
/** It measures the load, and is none. */
const REST_MS = 5;

/** What a subscriber cannot be faster than: a message's way through a stream of its own to a consumer on the same server. */
export class BusFloor {
  private arrived = (): void => undefined;

  private constructor(
    private readonly connection: NatsConnection,
    private readonly client: JetStreamClient,
  ) {}

  static async start(url: string): Promise<BusFloor> {
    const connection = await connect({ servers: url });
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: NAME, subjects: [NAME], storage: StorageType.File });
    const { name } = await manager.consumers.add(NAME, { ack_policy: AckPolicy.All, mem_storage: true });
    const client = manager.jetstream();
    const floor = new BusFloor(connection, client);
    const consumer = await client.consumers.get(NAME, name);
    await consumer.consume({
      callback(message) {
        floor.arrived();
        message.ack();
      },
    });
    return floor;
  }

  /** One message after another as long as it is wanted, in milliseconds each. */
  async measure(isWanted: (measured: number) => boolean): Promise<number[]> {
    const took: number[] = [];
    while (isWanted(took.length)) {
      const arrival = new Promise<void>((resolve) => (this.arrived = resolve));
      const publishedAt = monotonic();
      const arrived = arrival.then(() => took.push(monotonic() - publishedAt));
      await Promise.all([this.client.publish(NAME, 'x'.repeat(300)), arrived]);
      await sleep(REST_MS);
    }
    return took;
  }

  stop(): Promise<void> {
    return this.connection.close();
  }
}
