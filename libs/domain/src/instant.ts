/** An ISO 8601 time in UTC with milliseconds and a four-digit year, so that instants compare as text. */
export type Instant = string;

let latest = { milliseconds: NaN, instant: '' };

/** Of whole milliseconds since 1970. The latest is kept: requests of one moment and events of one group ask for the same. */
export function instantAt(milliseconds: number): Instant {
  if (milliseconds !== latest.milliseconds) {
    latest = { milliseconds, instant: new Date(milliseconds).toISOString() };
  }
  return latest.instant;
}

export function plusSeconds(instant: Instant, seconds: number): Instant {
  return new Date(Date.parse(instant) + seconds * 1000).toISOString();
}

export function floorToSecond(instant: Instant): Instant {
  return `${instant.slice(0, 19)}.000Z`;
}
