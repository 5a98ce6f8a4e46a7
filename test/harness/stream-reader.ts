import { jetstream } from '@nats-io/jetstream';
import { connect, type MsgHdrs } from '@nats-io/transport-node';
import { STREAM } from '#bus/subjects.js';
import { until } from './until.js';

export interface StreamMessage {
  readonly seq: number;
  readonly subject: string;
  readonly body: string;
  /** Without those that were meant for the server. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Everything the stream holds up to sequence `last`, as it is delivered; waits for what has not arrived, and for the stream. */
export async function readStreamUpTo(url: string, last: number): Promise<StreamMessage[]> {
  const connection = await connect({ servers: url.split(',') });
  try {
    const consumer = await until(
      () =>
        jetstream(connection)
          .consumers.get(STREAM)
          .catch(() => null),
      Boolean,
    );
    const delivery = await consumer!.consume();
    const messages: StreamMessage[] = [];
    for await (const message of delivery) {
      const { seq, subject } = message;
      messages.push({
        seq,
        subject,
        body: message.string(),
        headers: headersOf(message.headers),
      });
      if (seq >= last) break;
    }
    return messages;
  } finally {
    await connection.close();
  }
}

export const headersOf = (headers: MsgHdrs | undefined): Record<string, string> =>
  Object.fromEntries(
    [...(headers ?? [])].flatMap(([name, values]) =>
      name.startsWith('Nats-') ? [] : [[name, values.join()]],
    ),
  );
