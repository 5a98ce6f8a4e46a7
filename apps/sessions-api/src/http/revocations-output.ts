import type { Revocation, RevocationsPage, TimedHead } from '../revocations/revocations-page.js';
import { InvalidInput } from './invalid-input.js';
import type { HeadOutput, RevocationOutput, RevocationsOutput } from './output.js';

export const EVENT_STREAM = 'text/event-stream';

export const toRevocationsOutput = ({ head, revocations }: RevocationsPage): RevocationsOutput => ({
  data: revocations.map(toRevocation),
  head: toHead(head),
});

/** Server-sent events: of each page the head, then its revocations. */
export async function* toEvents(pages: AsyncIterable<RevocationsPage>): AsyncGenerator<string> {
  for await (const { head, revocations } of pages) {
    const revoked = revocations.map(
      (one) => `id: ${head.epoch}.${one.revocation}\n${eventText('revoked', toRevocation(one))}`,
    );
    yield eventText('head', toHead(head)) + revoked.join('');
  }
}

/** `Last-Event-ID`: epoch and number of the last revocation that was heard of. */
export function lastEventOf(
  header: string | string[] | undefined,
): { readonly epoch: number; readonly revocation: number } | undefined {
  if (header === undefined || header === '') return undefined;
  const [, epoch, revocation] = /^(\d{1,15})\.(\d{1,15})$/.exec(String(header)) ?? [];
  if (revocation === undefined) {
    throw new InvalidInput([{ field: 'Last-Event-ID', message: 'must be the id of an event' }]);
  }
  return { epoch: Number(epoch), revocation: Number(revocation) };
}

const eventText = (name: string, data: object) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

const toHead = ({ logId, epoch, position, revocations, revocationsFloor, time }: TimedHead): HeadOutput => ({
  logId,
  epoch,
  position,
  revocations,
  revocationsFloor,
  time: new Date(time).toISOString(),
});

const toRevocation = ({ sessionId, ...revocation }: Revocation): RevocationOutput => ({
  ...revocation,
  token: sessionId,
});
