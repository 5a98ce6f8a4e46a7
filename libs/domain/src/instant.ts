/** An ISO 8601 time in UTC with milliseconds and a four-digit year, so that instants compare as text. */
export type Instant = string;

export function plusSeconds(instant: Instant, seconds: number): Instant {
  return new Date(Date.parse(instant) + seconds * 1000).toISOString();
}

export function floorToSecond(instant: Instant): Instant {
  return `${instant.slice(0, 19)}.000Z`;
}
