import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { limitRates } from './rate-limits.js';

describe('the counters of the rate limit', () => {
  let instance: FastifyInstance;

  beforeEach(async () => {
    instance = new FastifyAdapter().getInstance<FastifyInstance>();
    limitRates(instance, 10, 3);
    instance.get('/api/keys', async () => 'ok');
  });
  afterEach(() => instance.close());

  const leftOf = async (credential: string, url = '/api/keys') => {
    const { headers } = await instance.inject({
      url,
      headers: { authorization: `Bearer ${credential}` },
    });
    return Number(/"credential";r=(\d+)/.exec(String(headers.ratelimit))?.[1]);
  };

  it('are as many as are kept: the one that rests the longest is forgotten', async () => {
    expect(await leftOf('first')).toBe(9);
    expect(await leftOf('busy')).toBe(9);
    expect(await leftOf('second')).toBe(9);
    expect(await leftOf('busy')).toBe(8);
    await leftOf('third');
    expect(await leftOf('busy')).toBe(7);
    expect(await leftOf('first')).toBe(9);
  });

  it('count what is asked of a path that does not exist, like any other', async () => {
    expect(await leftOf('any', '/nowhere')).toBe(9);
    expect(await leftOf('any')).toBe(8);
  });

  it('begin anew a minute after the first request that they have counted', async () => {
    const start = performance.now();
    const clock = jest.spyOn(performance, 'now').mockReturnValue(start);
    expect(await leftOf('any')).toBe(9);
    clock.mockReturnValue(start + 59_999);
    expect(await leftOf('any')).toBe(8);
    clock.mockReturnValue(start + 60_000);
    expect(await leftOf('any')).toBe(9);
    clock.mockRestore();
  });
});
