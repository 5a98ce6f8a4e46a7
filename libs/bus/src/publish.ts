import { jetstream, JetStreamApiError, PubHeaders } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { BusMessage } from './envelope.js';
import { STREAM } from './subjects.js';

const ANSWER_WITHIN_MS = 2_000;
const WRONG_LAST_SEQUENCE = 10071;
const NOT_STORED = 10077;

export type Publication =
  | { readonly kind: 'stored' }
  /** JetStream refused a sequence: somebody else published, or messages are missing. */
  | { readonly kind: 'wrong-sequence'; readonly reason: unknown }
  /**
   * The stream has lost the files that it writes to, and stores nothing until it is made again: where a stream is deleted and
   * created again at the same time, nats-server removes the new one's files (seen with 2.9.10).
   */
  | { readonly kind: 'files-lost'; readonly reason: unknown }
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
    return { kind: kindOf(reason), reason };
  }
  return { kind: 'stored' };
}

function kindOf(reason: unknown): 'wrong-sequence' | 'files-lost' | 'failed' {
  if (!(reason instanceof JetStreamApiError)) return 'failed';
  if (reason.code === WRONG_LAST_SEQUENCE) return 'wrong-sequence';
  return reason.code === NOT_STORED && /no such file/i.test(reason.message) ? 'files-lost' : 'failed';
}
