import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Pool } from 'pg';
import { type BusMessage, toMessage } from '#bus/envelope.js';
import { ALL_EVENTS, STREAM } from '#bus/subjects.js';
import { readForward, readHead } from '#event-log/read.js';

/** What somebody could change who may publish. */
export const FORGERIES = {
  'another body under the right headers': (message) => ({
    ...message,
    body: message.body.replace('},"metadata":', ',"sessionId":"another"$&'),
  }),
  'another hash': (message) => {
    message.headers.set('Signoff-Hash', 'ab'.repeat(32));
    return message;
  },
  'another subject': (message) => ({ ...message, subject: 'sessions.key-revoked.1' }),
} satisfies Record<string, (message: BusMessage) => BusMessage>;

/** Makes the stream anew, with what a relay would publish in it, but for one message. */
export async function fillForged(
  connection: NatsConnection,
  pool: Pool,
  position: number,
  forgery: keyof typeof FORGERIES,
): Promise<void> {
  const { streams } = await jetstreamManager(connection);
  await streams.delete(STREAM);
  await streams.add({ name: STREAM, subjects: [ALL_EVENTS] });
  const head = await readHead(pool);
  for (const event of await readForward(pool, 0, head.position)) {
    const message = toMessage(event, head, 'signoff');
    const { subject, body, headers } = event.position === position ? FORGERIES[forgery](message) : message;
    await jetstream(connection).publish(subject, body, { headers });
  }
}
