import { JetStreamApiError, type JetStreamClient } from '@nats-io/jetstream';
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
 */
export async function publishInOrder(
  client: JetStreamClient,
  messages: readonly BusMessage[],
): Promise<Publication> {
  const answers = await Promise.allSettled(
    messages.map(({ position, subject, body, headers }) =>
      client.publish(subject, body, {
        headers,
        timeout: ANSWER_WITHIN_MS,
        expect: { streamName: STREAM, lastSequence: position - 1 },
      }),
    ),
  );
  for (const [i, answer] of answers.entries()) {
    if (answer.status === 'rejected') {
      const { reason } = answer;
      const refused = reason instanceof JetStreamApiError && reason.code === WRONG_LAST_SEQUENCE;
      return { kind: refused ? 'wrong-sequence' : 'failed', reason };
    }
    const { position } = messages[i]!;
    if (answer.value.seq !== position) {
      return { kind: 'failed', reason: new Error(`stored at ${answer.value.seq} instead of ${position}`) };
    }
  }
  return { kind: 'stored' };
}
