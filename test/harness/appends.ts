import { randomUUID } from 'node:crypto';
import type { Append, KeyedCommand } from '#event-log/append.js';
import type { NewEvent } from '#event-log/event.js';

export const newEvent = (change: Partial<NewEvent> = {}): NewEvent => ({
  eventId: randomUUID(),
  type: 'SessionIssued',
  schema: 1,
  data: '{}',
  sealed: null,
  metadata: '{}',
  ...change,
});

export const append = (streamId: string, expectedVersion: number | null, ...events: NewEvent[]): Append => ({
  streamId,
  expectedVersion,
  events,
});

export const keyed = (key: string, outcome: unknown, change: Partial<KeyedCommand> = {}): KeyedCommand => ({
  principal: 'key_1',
  operation: 'DELETE /api/account/sessions/:token',
  key,
  requestHash: Buffer.from(`request ${key}`),
  outcome,
  ...change,
});
