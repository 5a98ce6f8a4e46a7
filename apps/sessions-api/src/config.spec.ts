import { describe, expect, it } from '@jest/globals';
import { configSchema } from './config.js';

const read = (name: string, value: string) => {
  const { data, error } = configSchema.shape[name as 'CORS_ORIGINS'].safeParse(value);
  return error ? error.issues.map(({ message }) => message) : data;
};

describe('the origins that may call', () => {
  it('are written with commas between them', () => {
    expect(read('CORS_ORIGINS', ' https://panel.example, http://localhost:8080,')).toEqual([
      'https://panel.example',
      'http://localhost:8080',
    ]);
  });

  it.each([
    '*',
    'panel.example',
    'https://panel.example/',
    'https://Panel.example',
    'ftp://panel.example',
    'null',
  ])('are not "%s"', (text) => {
    expect(read('CORS_ORIGINS', `https://a.example,${text}`)).toEqual([
      `must be origins, such as https://panel.example, not "${text}"`,
    ]);
  });
});

describe('the trusted proxies', () => {
  it('are addresses and networks', () => {
    expect(read('TRUSTED_PROXIES', '127.0.0.1, 10.0.0.0/8,2001:db8::/32')).toHaveLength(3);
  });

  it.each(['localhost', '10.0.0.0/33', 'all', '*'])('are not "%s"', (text) => {
    expect(read('TRUSTED_PROXIES', text)).toEqual([
      `must be addresses or networks, such as 10.0.0.0/8, not "${text}"`,
    ]);
  });
});

describe('the rate limit', () => {
  it.each(['-1', '1.5', 'many'])('is not %s', (text) => {
    expect(read('RATE_LIMIT_PER_MINUTE', text)).toHaveLength(1);
  });

  it('can be 0, which is none', () => {
    expect(read('RATE_LIMIT_PER_MINUTE', '0')).toBe(0);
  });
});
