import type { ExportedEvent, ExportEnd, ExportHeader, ExportLine } from '../export-format.js';
import { GENESIS_HASH, hashEvent } from '../hash-chain.js';
import { Chain } from './chain.js';
import { CheckpointMerge, type PlaceInLog } from './checkpoint-merge.js';
import { Checkpoints } from './checkpoints.js';
import type { Findings } from './findings.js';
import { byPosition, positionIn } from './kept-checkpoints.js';
import type { Verification, VerifyOptions } from './verification.js';

/**
 * The lines of one export. Of a filtered one each event is checked alone, by the hash that is given of the event before it:
 * that nothing is missing between them it cannot show.
 */
export class ExportCheck {
  events = 0;
  private position: number;
  private before: PlaceInLog | undefined;
  private chain: Chain | undefined;
  private end: ExportEnd | undefined;
  private isDamaged = false;
  private hasEntries = false;
  private outOfPlace = 0;
  private readonly inside: Checkpoints;
  private readonly kept: CheckpointMerge;

  constructor(
    private readonly header: ExportHeader,
    private readonly findings: Findings,
    private readonly options: VerifyOptions,
  ) {
    this.position = header.after;
    this.inside = new Checkpoints(header, options.keys, findings);
    const given = options.checkpoints ?? [];
    const within = given.filter(({ note }) => positionIn(note) >= header.after);
    this.outOfPlace = given.length - within.length;
    this.kept = new CheckpointMerge(
      new Checkpoints(header, options.keys, findings),
      byPosition(within)[Symbol.iterator](),
      header.filter !== null,
    );
    if (header.after === 0) this.before = { position: 0, hash: GENESIS_HASH };
  }

  async read(lines: readonly ExportLine[]): Promise<void> {
    const places: PlaceInLog[] = [];
    let before = this.before;
    for (const line of lines) {
      if (this.end) this.damaged('something stands behind its last line');
      else if ('end' in line) this.end = line.end;
      else if ('checkpoint' in line) this.checkpoint(line.checkpoint);
      else if ('event' in line) {
        before ??= { position: line.event.position - 1, hash: line.previousHash };
        this.event(line);
        places.push(line.event);
      } else this.damaged('it has another first line in its midst');
    }
    if (before) await this.kept.through(places, before);
  }

  damaged(what: string): void {
    if (!this.isDamaged)
      this.findings.add(this.position + 1, 'export', `the export is damaged here: ${what}`);
    this.isDamaged = true;
  }

  async finish(): Promise<Verification> {
    const { header, findings, end, position, events, options } = this;
    this.chain?.finish(null);
    if (!end && !this.isDamaged) {
      findings.add(position + 1, 'export', 'the export was cut off here: its last line is missing');
    }
    if (end && end.events !== events) {
      findings.add(null, 'export', `the export says that it has ${end.events} events, and has ${events}`);
    }
    if (end && !header.filter && end.position !== position) {
      findings.add(
        Math.min(position, end.position) + 1,
        'export',
        `the export says that it ends at ${end.position}, its last event is at ${position}`,
      );
    }
    await this.kept.finish(end?.position ?? position);
    return {
      logId: header.logId,
      epoch: header.epoch,
      events,
      position: header.filter ? (end?.position ?? position) : position,
      findings: findings.inOrder(),
      findingCount: findings.count,
      keptCheckpoints: this.kept.checkpoints.result,
      storedCheckpoints: this.inside.result,
      unchecked: this.unchecked(options),
    };
  }

  private event({ event, previousHash, entry }: ExportedEvent): void {
    if (entry !== undefined) this.hasEntries = true;
    this.events++;
    if (this.header.filter) this.alone(event, previousHash);
    else {
      this.chain ??= new Chain(this.header.logId, this.findings, {
        position: this.header.after,
        hash: this.before?.hash ?? previousHash,
      });
      const { hash, position } = this.chain;
      if (hash && event.position === position + 1 && !hash.equals(previousHash))
        this.linkBroken(event.position);
      this.chain.add(event);
    }
    this.position = Math.max(this.position, event.position);
    this.before = event;
  }

  private alone(event: ExportedEvent['event'], previousHash: Buffer): void {
    const { findings, before } = this;
    if (event.position <= this.position) {
      findings.add(event.position, 'position', `stands behind ${this.position}: it was moved`);
    } else if (before?.position === event.position - 1 && !before.hash.equals(previousHash)) {
      this.linkBroken(event.position);
    }
    if (!hashEvent(this.header.logId, previousHash, event).equals(event.hash)) {
      findings.add(event.position, 'hash', 'its hash is not that of its columns and of previousHash');
    }
  }

  private linkBroken(position: number): void {
    this.findings.add(position, 'hash', `its previousHash is not the hash of the event at ${position - 1}`);
  }

  /** Each stands right behind the event that it is of. */
  private checkpoint(note: string): void {
    const open = this.inside.open({ note, from: 'the export' });
    if (!open) return;
    if (this.before && open.checkpoint.position === this.before.position) {
      this.inside.compare(open, this.before.hash, this.position);
    } else this.outOfPlace++;
  }

  private unchecked({ keys }: VerifyOptions): string[] {
    const { header, outOfPlace } = this;
    const skipped = outOfPlace + this.kept.skipped;
    return [
      header.filter &&
        `whether events are missing, and versions, revocation numbers and times: the export has only what was asked for (${JSON.stringify(header.filter)})`,
      header.after > 0 &&
        `what stands in the log up to position ${header.after}: the export begins behind it`,
      skipped > 0 && `${skipped} checkpoints: the export does not have the events that they are of`,
      !keys && this.inside.result.agreed > 0 && 'who signed the checkpoints in the export: no key was given',
      this.hasEntries && '"entry" in the lines: it is there to be read, and no hash covers it',
    ].filter((one) => one !== false && one !== null);
  }
}
