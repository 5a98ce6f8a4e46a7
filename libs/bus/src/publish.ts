import { jetstream, JetStreamApiError, PubHeaders } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { BusMessage } from './envelope.js';
import { STREAM } from './subjects.js';

const ANSWER_WITHIN_MS = 2_000;
const WRONG_LAST_SEQUENCE = 10071;

export type Publication =
  | { readonly kind: 'stored' }
  /** JetStream refused a sequence: somebody else published, or messages are missing. */
  | { readonly kind: 'wrong-sequence'; readonly reason: unknown }
  /** No answer, a full stream, anything else: what is stored has to be asked. */
  | { readonly kind: 'failed'; readonly reason: unknown };

/**
 * Publishes messages in one flight, each only onto the sequence before its position; answers when nothing is in flight any
 * more. However often and by whomever it is called, no message is stored twice, skipped or out of order.
 *
 * JetStream is asked to answer the first and the last alone, since what is refused in between has the last refused as
 * well: unless somebody else has published there, which shows when the stream is examined (`alignWithStream`).
 */
export async function publishInOrder(
  bus: NatsConnection,
  messages: readonly BusMessage[],
): Promise<Publication> {
  const client = jetstream(bus);
  const last = messages.length - 1;
  const answers = await Promise.allSettled(
    messages.map(async ({ position, subject, body, headers }, i) => {
      if (i === 0 || i === last) {
        const expect = { streamName: STREAM, lastSequence: position - 1 };
        const { seq } = await client.publish(subject, body, { headers, timeout: ANSWER_WITHIN_MS, expect });
        if (seq !== position) throw new Error(`stored at ${seq} instead of ${position}`);
        return;
      }
      headers.set(PubHeaders.ExpectedStreamHdr, STREAM);
      headers.set(PubHeaders.ExpectedLastSeqHdr, String(position - 1));
      bus.publish(subject, body, { headers });
    }),
  );
  for (const answer of answers) {
    if (answer.status === 'fulfilled') continue;
    const { reason } = answer;
    const refused = reason instanceof JetStreamApiError && reason.code === WRONG_LAST_SEQUENCE;
    return { kind: refused ? 'wrong-sequence' : 'failed', reason };
  }
  return { kind: 'stored' };
}
