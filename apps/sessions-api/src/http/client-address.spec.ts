import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import {
  addressesOf,
  canonicalAddress,
  clientAddress,
  networkOf,
  parseNetwork,
  trusts,
} from './client-address.js';

describe('an address', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::FFFF:c000:207', '192.0.2.7'],
    ['0:0:0:0:0:ffff:192.0.2.7', '192.0.2.7'],
    ['192.0.2.7:52114', '192.0.2.7'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[2001:0db8::0001]:443', '2001:db8::1'],
    ['[::ffff:192.0.2.7]:443', '192.0.2.7'],
    ['fe80::1%eth0', 'fe80::1'],
  ])('%s is spelled %s', (text, spelled) => {
    expect(canonicalAddress(text)).toBe(spelled);
  });

  it.each([
    '',
    'unknown',
    '_hidden',
    'proxy.example',
    '192.0.2',
    '192.0.2.256',
    '0x7f.1',
    '192.0.2.07',
    '2130706433',
    '192.0.2.7, 192.0.2.8',
    '[192.0.2.7',
    '2001:db8::1]:1',
    ':::1',
    undefined,
  ])('%s is none', (text) => {
    expect(canonicalAddress(text)).toBeUndefined();
  });

  it('counts as its /64 when it is IPv6', () => {
    expect(networkOf('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64');
    expect(networkOf('2001:db8:1:2::')).toBe('2001:db8:1:2::/64');
    expect(networkOf('::1')).toBe('0:0:0:0::/64');
    expect(networkOf('192.0.2.7')).toBe('192.0.2.7');
    expect(networkOf('unknown')).toBe('unknown');
  });
});

describe('the trusted proxies', () => {
  const trustedBy = (text: string) => trusts([parseNetwork(text)!]);

  it.each([
    ['10.0.0.0/8', ['10.1.2.3', '::ffff:10.1.2.3', '10.1.2.3:80'], ['11.0.0.1', '::a01:203', 'unknown', '']],
    ['192.0.2.7', ['192.0.2.7', '::ffff:192.0.2.7'], ['192.0.2.8']],
    ['::ffff:10.0.0.0/104', ['10.1.2.3', '::ffff:10.1.2.3'], ['11.0.0.1']],
    ['2001:db8::/32', ['2001:db8::1', '[2001:db8:1::]:443'], ['2001:db9::1', '32.1.13.184']],
    ['::1', ['::1', '0:0:0:0:0:0:0:1'], ['127.0.0.1', '::2']],
    ['0.0.0.0/0', ['192.0.2.7'], ['2001:db8::1']],
  ])('%s', (network, theirs, others) => {
    for (const address of theirs) expect([address, trustedBy(network)(address)]).toEqual([address, true]);
    for (const address of others) expect([address, trustedBy(network)(address)]).toEqual([address, false]);
  });

  it.each([
    '',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0/8',
    'fe80::1%eth0',
    '::1/129',
    '::1/-1',
    'proxy',
  ])('are not named by "%s"', (text) => {
    expect(parseNetwork(text)).toBeUndefined();
  });
});

describe('the client of a request', () => {
  it('is the peer when nobody is trusted', () => {
    expect(clientAddress({ ip: '::ffff:192.0.2.7' })).toBe('192.0.2.7');
  });

  it('is the last of the addresses that trusted proxies tell of', () => {
    expect(clientAddress({ ip: '192.0.2.7', ips: ['10.0.0.1', '10.0.0.2', '192.0.2.7'] })).toBe('192.0.2.7');
  });

  it('is the nearest that has an address when a trusted proxy passes on what is none', () => {
    expect(clientAddress({ ip: 'unknown', ips: ['10.0.0.1', '::ffff:10.0.0.2', 'unknown'] })).toBe(
      '10.0.0.2',
    );
  });

  it.each([
    [undefined, '192.0.2.7'],
    ['203.0.113.5', '203.0.113.5'],
    ['1.1.1.1, 203.0.113.5', '203.0.113.5'],
    ['1.1.1.1, 203.0.113.5, 192.0.2.8', '203.0.113.5'],
    ['192.0.2.9, 192.0.2.8', '192.0.2.9'],
  ])('is found in X-Forwarded-For: %s, where Fastify does not look', (forwarded, client) => {
    const request = (remoteAddress: string) =>
      ({
        socket: { remoteAddress },
        headers: { 'x-forwarded-for': forwarded },
      }) as unknown as IncomingMessage;
    const isTrusted = trusts([parseNetwork('192.0.2.0/24')!]);
    const found = (peer: string) => clientAddress({ ip: peer, ips: addressesOf(request(peer), isTrusted) });
    expect(found('192.0.2.7')).toBe(client);
    expect(found('198.51.100.1')).toBe('198.51.100.1');
  });
});
