import { headers, type MsgHdrs } from '@nats-io/transport-node';

/**
 * Made by the API. A work queue: a letter is there until whoever reads it has acknowledged it.
 *
 *     signoff.dead.<service>    what the service could not do in all its tries. Only an operator's command reads it
 *     signoff.again.<service>   what it is to try again. Its processes read it, beside the stream of events
 */
export const DEAD_LETTERS = 'DEAD_LETTERS';
export const deadSubject = (service: string) => `signoff.dead.${service}`;
export const againSubject = (service: string) => `signoff.again.${service}`;

/** How often it was tried, and what went wrong the last time. */
export const TRIES = 'Signoff-Tries';
export const FAILURE = 'Signoff-Failure';

const LONGEST_FAILURE = 500;

/** Of a letter: what the message had, without what was meant for the server. */
export function copyHeaders(from: MsgHdrs | undefined, more: Readonly<Record<string, string>> = {}): MsgHdrs {
  const copy = headers();
  for (const [name, values] of from ?? []) {
    if (name.startsWith('Nats-') || name === TRIES || name === FAILURE) continue;
    for (const value of values) copy.append(name, value);
  }
  for (const [name, value] of Object.entries(more)) copy.set(name, value);
  return copy;
}

export const failureText = (error: unknown) =>
  String(error)
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .slice(0, LONGEST_FAILURE);
