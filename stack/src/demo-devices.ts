export interface Device {
  readonly name: string;
  readonly ipAddress: string;
  readonly userAgent: string;
  readonly fingerprint: string;
}

/** The first one is where the printed session credential is signed in. Addresses are from the documentation ranges. */
export const demoDevices: readonly Device[] = [
  {
    name: 'Chrome on Windows',
    ipAddress: '203.0.113.24',
    userAgent:
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
    fingerprint: 'demo-windows-desktop',
  },
  {
    name: 'Safari on an iPhone',
    ipAddress: '198.51.100.7',
    userAgent:
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1',
    fingerprint: 'demo-iphone',
  },
  {
    name: 'Firefox on Linux',
    ipAddress: '2001:db8:4a::19',
    userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
    fingerprint: 'demo-linux-laptop',
  },
  {
    name: 'Chrome on an Android tablet',
    ipAddress: '192.0.2.146',
    userAgent:
      'Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
    fingerprint: 'demo-android-tablet',
  },
];
