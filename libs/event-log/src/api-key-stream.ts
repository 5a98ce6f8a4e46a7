import type { Pool } from 'pg';
import { apiKey, type ApiKey } from '#domain/api-key/decider.js';
import type { ApiKeyEvent } from '#domain/api-key/events.js';
import type { RecordedEvent } from './event.js';
import { decodeEvent } from './event-types.js';
import { Folds, type Projection } from './folds.js';
import type { StreamLooks } from './stream-look.js';

export interface ApiKeyState {
  readonly key: ApiKey;
  /** The event that holds the hash of the key's secret, sealed, so that it never travels. */
  readonly created: RecordedEvent | null;
}

export const apiKeyStreamId = (keyId: string) => `key-${keyId.slice('key_'.length)}`;

export const apiKeyStream: Projection<ApiKeyState> = {
  initialState: { key: apiKey.initialState, created: null },
  apply({ key, created }, recorded) {
    const event = decodeEvent(recorded) as ApiKeyEvent;
    return {
      key: apiKey.evolve(key, event),
      created: event.type === 'ApiKeyCreated' ? recorded : created,
    };
  },
};

export class ApiKeyFolds extends Folds<ApiKeyState> {
  constructor(pool: Pool, maxStreams: number, looks?: StreamLooks) {
    super(pool, apiKeyStream, maxStreams, looks);
  }
}
