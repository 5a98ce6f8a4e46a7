import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { STREAM } from '#bus/subjects.js';

export interface StreamMessage {
  readonly seq: number;
  readonly subject: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Everything the stream holds up to sequence `last`, as it is delivered; waits for what has not arrived. */
export async function readStreamUpTo(url: string, last: number): Promise<StreamMessage[]> {
  const connection = await connect({ servers: url });
  try {
    const consumer = await jetstream(connection).consumers.get(STREAM);
    const delivery = await consumer.consume();
    const messages: StreamMessage[] = [];
    for await (const message of delivery) {
      const { seq, subject, headers } = message;
      messages.push({
        seq,
        subject,
        body: message.string(),
        headers: Object.fromEntries([...(headers ?? [])].map(([name, values]) => [name, values.join()])),
      });
      if (seq >= last) break;
    }
    return messages;
  } finally {
    await connection.close();
  }
}
