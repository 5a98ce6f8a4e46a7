import Bowser from 'bowser';

export interface Device {
  readonly browser: string;
  readonly os: string;
  readonly device: string;
}

const UNKNOWN = 'Unknown';
const DEVICES: Record<string, string> = { desktop: 'Desktop', mobile: 'Mobile', tablet: 'Tablet' };
const SPOKEN_NAMES: Record<string, string> = { 'Samsung Internet for Android': 'Samsung Internet' };

/** Plain names that a person reads, `Unknown` where nothing can be said. Null for null: nothing was given, or it was erased. */
export function describeUserAgent(userAgent: string): Device;
export function describeUserAgent(
  userAgent: string | null,
): Device | { browser: null; os: null; device: null };
export function describeUserAgent(userAgent: string | null) {
  if (userAgent === null) return { browser: null, os: null, device: null };
  if (userAgent === '') return { browser: UNKNOWN, os: UNKNOWN, device: UNKNOWN };
  const { browser, os, platform } = Bowser.parse(userAgent);
  return {
    browser: SPOKEN_NAMES[browser.name ?? ''] ?? (browser.name || UNKNOWN),
    os: os.name === 'Windows' ? `Windows ${os.versionName ?? ''}`.trim() : (os.name ?? UNKNOWN),
    device: DEVICES[platform.type ?? ''] ?? UNKNOWN,
  };
}
