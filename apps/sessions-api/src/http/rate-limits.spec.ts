import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
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

  const leftOf = async (credential: string) => {
    const { headers } = await instance.inject({
      url: '/api/keys',
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
});
