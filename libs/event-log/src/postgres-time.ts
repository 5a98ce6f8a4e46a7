import { type Moment, millisecondsSince } from './moment.js';

const RECENT_MS = 100;

/** In whole milliseconds since 1970. */
export const POSTGRES_TIME = `floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint`;

/** A time that PostgreSQL has told. */
export interface ToldTime {
  readonly now: number;
  /** Before it was told. */
  readonly askedAt: Moment;
}

/** What PostgreSQL's time is at the most at present, if it told it less than a tenth of a second ago: never earlier than any it has told. */
export function timeAtMost({ now, askedAt }: ToldTime): number | undefined {
  const age = millisecondsSince(askedAt);
  return age < RECENT_MS ? Math.ceil(now + age) : undefined;
}
