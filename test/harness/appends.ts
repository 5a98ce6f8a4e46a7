import { randomUUID } from 'node:crypto';
import type { Append, KeyedCommand } from '#event-log/append.js';
import type { NewEvent } from '#event-log/event.js';
import type { Head } from '#event-log/head.js';

export const newHead = (recordedAt: number): Head => ({
  logId: '0b7f1f6e-52a5-4c1e-9a53-6f2f0f6f9d11',
  epoch: 1,
  position: 10,
  revocations: 4,
  revocationsFloor: 2,
  hash: Buffer.alloc(32, 9),
  recordedAt,
});

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
