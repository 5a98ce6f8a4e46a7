import type { Msg } from '@nats-io/transport-node';

/** `_R_`: of those who ask out of another account; the server makes it. */
const INBOXES = /^(_INBOX|_R_)\./;

/**
 * Whether a question names an inbox to answer to, or nothing. The API may publish events and alter the stream: it must not
 * do so because a question asks for its answer there.
 */
export const isAnswerable = ({ reply }: Msg): boolean => !reply || INBOXES.test(reply);
