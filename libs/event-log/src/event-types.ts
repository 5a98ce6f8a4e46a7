/** Brings `data` of one schema to the next. */
export type Upcaster = (data: Record<string, unknown>) => Record<string, unknown>;

interface EventType {
  /** The schema that is written today. */
  readonly schema: number;
  /** From schema 1 to 2, from 2 to 3, …: events are for ever, so old ones are brought up to date when they are read. */
  readonly upcasters: readonly Upcaster[];
}

export const EVENT_TYPES = {
  SessionIssued: { schema: 1, upcasters: [] },
  SessionExtended: { schema: 1, upcasters: [] },
  SessionRevoked: { schema: 1, upcasters: [] },
  ApiKeyCreated: { schema: 1, upcasters: [] },
  ApiKeyRevoked: { schema: 1, upcasters: [] },
  PersonalDataErased: { schema: 1, upcasters: [] },
  AuditRead: { schema: 1, upcasters: [] },
} as const satisfies Record<string, EventType>;

export type EventTypeName = keyof typeof EVENT_TYPES;

/** The event as today's code knows it. Throws on a type or schema that this version was not taught. */
export function decodeEvent(
  event: { readonly type: string; readonly schema: number; readonly data: string },
  types: Readonly<Record<string, EventType>> = EVENT_TYPES,
): { type: string; data: Record<string, unknown> } {
  const known = types[event.type];
  if (!known || event.schema > known.schema) {
    throw new Error(`unknown event ${event.type} of schema ${event.schema}`);
  }
  const data = JSON.parse(event.data) as Record<string, unknown>;
  return {
    type: event.type,
    data: known.upcasters.slice(event.schema - 1).reduce((older, upcast) => upcast(older), data),
  };
}
