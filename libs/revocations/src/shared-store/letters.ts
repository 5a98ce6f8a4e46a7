import {
  AckPolicy,
  DeliverPolicy,
  JetStreamApiError,
  type Consumer,
  type JetStreamManager,
  type JsMsg,
} from '@nats-io/jetstream';
import { nanos, nuid, type NatsConnection } from '@nats-io/transport-node';
import { managerOf } from '../open-connection.js';
import { readMessage } from '../protocol.js';
import { againSubject, copyHeaders, DEAD_LETTERS, deadSubject, FAILURE, TRIES } from './dead-letters.js';

const AT_A_TIME = 100;
const FETCH_MS = 5_000;
/** After a command that was killed, the next one has to wait: as long as this, on nats-server 2.15 three times as long. */
const LEFT_ALONE_MS = 5_000;
const ACKNOWLEDGE_WITHIN_MS = 5_000;
const NOT_THE_ONLY_READER = 10100;

export interface Letter {
  /** Its place in the stream, by which a command names it. */
  readonly number: number;
  readonly diedAt: string;
  readonly tries: number;
  /** What was thrown the last time. */
  readonly failure: string;
  /** Null where the message was none of a revocation. */
  readonly sessionId: string | null;
  readonly position: number | null;
}

/** The dead letters of a service, for one command at a time: the server lets nobody else read them meanwhile. */
export class Letters {
  private constructor(
    private readonly manager: JetStreamManager,
    private readonly service: string,
    private readonly consumer: Consumer,
    private readonly count: number,
  ) {}

  static async open(connection: NatsConnection, service: string, jetStreamPrefix?: string): Promise<Letters> {
    const manager = await managerOf(connection, jetStreamPrefix);
    const info = await manager.consumers
      .add(DEAD_LETTERS, {
        name: `dead-${service}-${nuid.next()}`,
        filter_subject: deadSubject(service),
        deliver_policy: DeliverPolicy.All,
        ack_policy: AckPolicy.Explicit,
        ack_wait: nanos(ACKNOWLEDGE_WITHIN_MS),
        max_ack_pending: -1,
        inactive_threshold: nanos(LEFT_ALONE_MS),
      })
      .catch((error: unknown) => {
        if (!(error instanceof JetStreamApiError && error.code === NOT_THE_ONLY_READER)) throw error;
        throw new Error('another command has them in hand, or was killed: try again in half a minute', {
          cause: error,
        });
      });
    const consumer = manager.jetstream().consumers.getConsumerFromInfo(info);
    return new Letters(manager, service, consumer, info.num_pending);
  }

  /** Those that were there in the beginning: what is replayed meanwhile may die again. */
  async *all(): AsyncGenerator<JsMsg> {
    let last = 0;
    for (let left = this.count; left > 0;) {
      const batch = await this.consumer.fetch({ max_messages: Math.min(left, AT_A_TIME), expires: FETCH_MS });
      let came = false;
      for await (const message of batch) {
        came = true;
        // What is left where it is comes again after a while.
        if (message.seq <= last) continue;
        last = message.seq;
        left--;
        yield message;
      }
      if (!came) return;
    }
  }

  /** Stored for the service before it is taken from here: who is killed in between has replayed it, and can do so again. */
  async replay(message: JsMsg): Promise<void> {
    await this.manager.jetstream().publish(againSubject(this.service), message.data, {
      headers: copyHeaders(message.headers),
    });
    await this.remove(message);
  }

  async remove(message: JsMsg): Promise<void> {
    if (!(await message.ackAck())) throw new Error(`the server did not confirm that ${message.seq} is gone`);
  }

  /** What was not taken stays. */
  async close(): Promise<void> {
    await this.consumer.delete();
  }
}

export function readLetter(message: JsMsg): Letter {
  return {
    number: message.seq,
    diedAt: message.time.toISOString(),
    tries: Number(message.headers?.get(TRIES)),
    failure: message.headers?.get(FAILURE) ?? '',
    ...revocationIn(message),
  };
}

function revocationIn(message: JsMsg): Pick<Letter, 'sessionId' | 'position'> {
  try {
    const { sessionId, position } = readMessage(message.data, message.headers?.get('Signoff-Log'));
    return { sessionId, position };
  } catch {
    return { sessionId: null, position: null };
  }
}
