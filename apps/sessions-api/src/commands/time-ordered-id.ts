import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

const ID_BYTES = 16;

/** Random bytes for the next ids: to ask for sixteen costs as much as to ask for all of them. */
const random = new Uint8Array(256 * ID_BYTES);
let used = random.length;

/** UUID version 7 (RFC 9562). */
export function timeOrderedId(): string {
  if (used === random.length) {
    randomFillSync(random);
    used = 0;
  }
  return v7({ random: random.subarray(used, (used += ID_BYTES)) });
}
