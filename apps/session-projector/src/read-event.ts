import type { JsMsg } from '@nats-io/jetstream';
import { isMessageOf, logHeader, logIn, type LogIdentity } from '#bus/envelope.js';
import type { PlainEvent } from '#event-log/event.js';
import { decodeEvent } from '#event-log/event-types.js';
import { traceparentIn } from '#telemetry/traceparent.js';
import { FeedBroken } from './feed.js';
import type { ProjectedEvent } from './projection.js';
import { ProjectionStop } from './projection-stop.js';

/** The event that the log has where a message stands; `recorded` is undefined where it has none. */
export function eventFromBus(
  message: JsMsg,
  recorded: PlainEvent | undefined,
  log: LogIdentity,
): ProjectedEvent {
  const { seq, subject, headers } = message;
  const foreign = (reason: string) => new ProjectionStop('EVENT_FOREIGN', seq, reason);
  const saysLog = headers?.get('Signoff-Log');
  waitForEpoch(saysLog, log);
  if (saysLog !== logHeader(log))
    throw foreign(`a message of ${saysLog || 'no log'}, not of ${logHeader(log)}`);
  if (!recorded) throw foreign('the log does not have this event of the bus');
  const event = eventFromLog(recorded);
  if (!isMessageOf(recorded, log, { subject, headers: headers!, body: message.string() }))
    throw foreign('the log has another event here than the bus');
  return event;
}

/** Those before the first that cannot be read, and why it cannot. */
export function readable<Source>(
  sources: readonly Source[],
  read: (source: Source, i: number) => ProjectedEvent,
): [events: ProjectedEvent[], stop?: ProjectionStop] {
  const events: ProjectedEvent[] = [];
  try {
    for (const [i, source] of sources.entries()) events.push(read(source, i));
    return [events];
  } catch (error) {
    if (error instanceof ProjectionStop) return [events, error];
    throw error;
  }
}

/** Throws what asking again helps against: the log goes on as a new epoch, and the relay has not built the stream again yet. */
export function waitForEpoch(saysLog: string | undefined, { logId, epoch }: LogIdentity): void {
  const found = logIn(saysLog);
  if (found?.logId === logId && found.epoch < epoch) {
    throw new FeedBroken(`the stream is still that of epoch ${found.epoch}, the log goes on as ${epoch}`);
  }
}

/** Written out: each event comes here. */
export function eventFromLog(event: PlainEvent): ProjectedEvent {
  const { type, data } = decode(event);
  return {
    position: event.position,
    eventId: event.eventId,
    type,
    streamId: event.streamId,
    data,
    hash: event.hash,
    metadata: event.metadata,
    recordedAt: event.recordedAt,
    traceparent: traceparentIn(event.metadata),
  };
}

function decode(event: Parameters<typeof decodeEvent>[0] & { position: number }) {
  try {
    return decodeEvent(event);
  } catch (cause) {
    const message = `cannot read ${event.type} of schema ${event.schema}`;
    throw new ProjectionStop('EVENT_UNKNOWN', event.position, message, { cause });
  }
}
