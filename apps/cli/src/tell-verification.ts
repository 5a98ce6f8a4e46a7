import type { Agreed, Verification } from '#event-log/verify/verification.js';
import { printable, say } from './output.js';

const SHOWN = 20;
const numbers = new Intl.NumberFormat('en');

/** What was found, for people: the first bad position first. */
export function tellVerification(found: Verification, seconds: number): void {
  const { logId, epoch, events, position, findings, findingCount } = found;
  say(`log ${logId}, epoch ${epoch}, up to position ${position}`);
  const rate = numbers.format(Math.round(events / Math.max(seconds, 0.001)));
  say(`${numbers.format(events)} events checked in ${seconds.toFixed(1)} s, ${rate} a second`);
  checkpoints(found.keptCheckpoints, 'that were kept elsewhere agree');
  checkpoints(found.storedCheckpoints, 'beside the events agree');
  for (const one of found.unchecked) say(`not checked: ${printable(one)}`);
  for (const { position, check, message } of findings.slice(0, SHOWN)) {
    say(
      printable(
        `${position === null ? 'nowhere in particular' : `position ${position}`}: ${check}: ${message}`,
      ),
    );
  }
  if (findingCount > SHOWN) say(`and ${numbers.format(findingCount - SHOWN)} more`);
  const [first] = findings;
  if (!first) say('OK: nothing is wrong with what was checked');
  else if (first.position === null) say('NOT OK');
  else say(`NOT OK: the first bad position is ${first.position}`);
}

function checkpoints({ agreed, newest }: Agreed, what: string): void {
  if (agreed > 0) say(`${numbers.format(agreed)} checkpoints ${what}, the newest at position ${newest}`);
}
