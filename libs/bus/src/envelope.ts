import { instantAt } from '#domain/instant.js';
import { headers, type MsgHdrs } from '@nats-io/transport-node';
import { accountIdOf } from '#event-log/account-stream.js';
import type { PlainEvent } from '#event-log/event.js';
import { traceparentIn } from '#telemetry/traceparent.js';
import { namesOf, subjectOf } from './subjects.js';

/** The body of a message: an event without what is personal. */
export interface Envelope {
  readonly id: string;
  readonly type: string;
  readonly schema: number;
  readonly position: number;
  readonly version: number;
  readonly revocation: number | null;
  readonly streamId: string;
  readonly accountId: string | null;
  readonly data: Record<string, unknown>;
  readonly metadata: Record<string, unknown>;
  readonly recordedAt: string;
}

export interface LogIdentity {
  readonly logId: string;
  readonly epoch: number;
}

export interface BusMessage {
  /** The sequence that the message must have in the stream. */
  readonly position: number;
  readonly subject: string;
  readonly body: string;
  readonly headers: MsgHdrs;
}

/** `data` and `metadata` stand in the body byte for byte as in the log. Headers: CloudEvents 1.0, NATS binding, W3C trace context. */
export function toMessage(event: PlainEvent, log: LogIdentity, source: string): BusMessage {
  const hdrs = headers();
  // Appended, since to set is to look for what is there first.
  hdrs.append('ce-specversion', '1.0');
  hdrs.append('ce-id', event.eventId);
  hdrs.append('ce-type', `signoff.${namesOf(event.type).name}.v${event.schema}`);
  hdrs.append('ce-source', encodeURI(source));
  hdrs.append('ce-time', instantAt(event.recordedAt));
  hdrs.append('ce-subject', encodeURIComponent(accountIdOf(event.streamId) ?? event.streamId));
  hdrs.append('ce-datacontenttype', 'application/json');
  hdrs.append('Signoff-Log', logHeader(log));
  hdrs.append('Signoff-Hash', event.hash.toString('hex'));
  const traceparent = traceparentIn(event.metadata);
  if (traceparent !== undefined) hdrs.append('traceparent', traceparent);
  return {
    position: event.position,
    subject: subjectOf(event),
    body: bodyOf(event),
    headers: hdrs,
  };
}

/** Whether a message says of an event what its relay says: in its subject, its body, and which event of which log it is. */
export function isMessageOf(
  event: PlainEvent,
  log: LogIdentity,
  message: Pick<BusMessage, 'subject' | 'body' | 'headers'>,
): boolean {
  return (
    message.headers.get('Signoff-Log') === logHeader(log) &&
    message.headers.get('Signoff-Hash') === event.hash.toString('hex') &&
    message.subject === subjectOf(event) &&
    message.body === bodyOf(event)
  );
}

/** An `Envelope`. */
function bodyOf(event: PlainEvent): string {
  const { eventId, type, schema, position, version, revocation, streamId, data, metadata } = event;
  const [stream, account] = [JSON.stringify(streamId), JSON.stringify(accountIdOf(streamId))];
  const recordedAt = instantAt(event.recordedAt);
  return (
    `{"id":"${eventId}","type":"${type}","schema":${schema},"position":${position},"version":${version},` +
    `"revocation":${revocation},"streamId":${stream},"accountId":${account},"data":${data},"metadata":${metadata},` +
    `"recordedAt":"${recordedAt}"}`
  );
}

export const logHeader = ({ logId, epoch }: LogIdentity) => `${logId}/${epoch}`;

const LOG_HEADER = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/([1-9]\d{0,9})$/;

/** The log that a `Signoff-Log` header names; null when it names none. */
export function logIn(header: string | undefined): LogIdentity | null {
  const found = LOG_HEADER.exec(header ?? '');
  return found && { logId: found[1]!, epoch: Number(found[2]) };
}
