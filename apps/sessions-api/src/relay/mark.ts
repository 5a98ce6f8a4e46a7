import type { StoredMsg } from '@nats-io/jetstream';
import { logIn, type LogIdentity } from '#bus/envelope.js';

/** What a message says about itself: which event of which log it is. */
export interface Mark extends LogIdentity {
  readonly position: number;
  readonly hash: Buffer;
}

/** Null when the message is foreign: no relay of any log published it at this sequence. */
export function markOf(message: StoredMsg): Mark | null {
  const { seq: position, header } = message;
  const log = logIn(header.get('Signoff-Log'));
  const hash = Buffer.from(header.get('Signoff-Hash'), 'hex');
  return log && hash.length === 32 && positionIn(message) === position ? { ...log, position, hash } : null;
}

function positionIn(message: StoredMsg): unknown {
  try {
    return message.json<{ position?: unknown } | null>()?.position;
  } catch {
    return undefined;
  }
}
