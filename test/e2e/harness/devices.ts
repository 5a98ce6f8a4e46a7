/** What four people's devices send, and how a list names them. Addresses are from the documentation ranges. */
export const devices = [
  {
    sent: {
      ipAddress: '203.0.113.24',
      userAgent:
        'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
      fingerprint: 'windows-desktop',
    },
    shown: { ipAddress: '203.0.113.24', browser: 'Chrome', os: 'Windows 10', device: 'Desktop' },
  },
  {
    sent: {
      ipAddress: '198.51.100.7',
      userAgent:
        'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1',
      fingerprint: 'iphone',
    },
    shown: { ipAddress: '198.51.100.7', browser: 'Safari', os: 'iOS', device: 'Mobile' },
  },
  {
    sent: {
      ipAddress: '2001:DB8:4A:0::19',
      userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
      fingerprint: 'linux-laptop',
    },
    shown: { ipAddress: '2001:db8:4a::19', browser: 'Firefox', os: 'Linux', device: 'Desktop' },
  },
  {
    sent: {
      ipAddress: '::ffff:192.0.2.146',
      userAgent:
        'Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
    },
    shown: { ipAddress: '192.0.2.146', browser: 'Chrome', os: 'Android', device: 'Tablet' },
  },
];
