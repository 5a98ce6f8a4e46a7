import type { JsMsg } from '@nats-io/jetstream';
import { logHeader, logIn, type Envelope, type LogIdentity } from '#bus/envelope.js';
import type { RecordedEvent } from '#event-log/event.js';
import { decodeEvent } from '#event-log/event-types.js';
import { traceparentIn } from '#telemetry/traceparent.js';
import { FeedBroken } from './feed.js';
import type { ProjectedEvent } from './projection.js';
import { ProjectionStop } from './projection-stop.js';

export function eventFromBus(message: JsMsg, log: LogIdentity): ProjectedEvent {
  const position = message.seq;
  const foreign = (reason: string) => new ProjectionStop('EVENT_FOREIGN', position, reason);
  const saysLog = message.headers?.get('Signoff-Log');
  waitForEpoch(saysLog, log);
  if (saysLog !== logHeader(log))
    throw foreign(`a message of ${saysLog || 'no log'}, not of ${logHeader(log)}`);
  const hash = Buffer.from(message.headers!.get('Signoff-Hash'), 'hex');
  if (hash.length !== 32) throw foreign('a message without the hash of an event');
  let envelope: Envelope;
  try {
    envelope = message.json<Envelope>();
  } catch {
    throw foreign('a message that is not JSON');
  }
  if (envelope.position !== position) throw foreign(`the message says position ${envelope.position}`);
  const { id: eventId, streamId } = envelope;
  return {
    position,
    eventId,
    streamId,
    hash,
    traceparent: message.headers!.get('traceparent') || undefined,
    ...decode({ ...envelope, data: JSON.stringify(envelope.data) }),
  };
}

/** Throws what asking again helps against: the log goes on as a new epoch, and the relay has not built the stream again yet. */
export function waitForEpoch(saysLog: string | undefined, { logId, epoch }: LogIdentity): void {
  const found = logIn(saysLog);
  if (found?.logId === logId && found.epoch < epoch) {
    throw new FeedBroken(`the stream is still that of epoch ${found.epoch}, the log goes on as ${epoch}`);
  }
}

export function eventFromLog(event: RecordedEvent): ProjectedEvent {
  const { position, eventId, streamId, hash, sealed } = event;
  const traceparent = traceparentIn(event.metadata);
  return { position, eventId, streamId, hash, sealed, traceparent, ...decode(event) };
}

function decode(event: Parameters<typeof decodeEvent>[0] & { position: number }) {
  try {
    return decodeEvent(event);
  } catch (cause) {
    const message = `cannot read ${event.type} of schema ${event.schema}`;
    throw new ProjectionStop('EVENT_UNKNOWN', event.position, message, { cause });
  }
}
