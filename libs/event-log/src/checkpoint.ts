/** What the log was at a time, to be signed and kept where nobody who can change the log can change it. */
export interface Checkpoint {
  readonly logId: string;
  readonly epoch: number;
  readonly position: number;
  /** Of the event at `position`; 32 zero bytes at 0. */
  readonly hash: Buffer;
  /** PostgreSQL's, in milliseconds since 1970. */
  readonly madeAt: number;
}

export const CHECKPOINT_FORMAT = 'signoff-checkpoint/1';

const TEXT =
  /^signoff-checkpoint\/1 ([0-9a-f-]{36})\n(\d{1,10})\n(\d{1,16})\n([A-Za-z0-9+/]{43}=)\n(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)\n$/;

/** The name of the key that signs the checkpoints of a log. */
export const checkpointKeyName = (logId: string): string => `signoff/${logId}`;

/** Five lines: format and log, epoch, position, hash, time. */
export const checkpointText = ({ logId, epoch, position, hash, madeAt }: Checkpoint): string =>
  `${CHECKPOINT_FORMAT} ${logId}\n${epoch}\n${position}\n${hash.toString('base64')}\n${new Date(madeAt).toISOString()}\n`;

/** Undefined for any other text. */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  const [, logId, epoch, position, hash, madeAt] = TEXT.exec(text) ?? [];
  if (madeAt === undefined) return undefined;
  return {
    logId: logId!,
    epoch: Number(epoch),
    position: Number(position),
    hash: Buffer.from(hash!, 'base64'),
    madeAt: Date.parse(madeAt),
  };
}
