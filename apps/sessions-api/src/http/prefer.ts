/** RFC 7240, section 4.3: `wait`. What is not understood is ignored, and of a preference that is repeated the first counts. */
export function secondsToWait(prefer: string | string[] | undefined, most: number): number | undefined {
  if (prefer === undefined) return undefined;
  const preferences = [prefer].flat().join(',').split(',');
  const wait = preferences.map((one) => /^\s*wait\s*=\s*"?([0-9]{1,9})"?\s*(;|$)/i.exec(one)).find(Boolean);
  return wait ? Math.min(Number(wait[1]), most) : undefined;
}
