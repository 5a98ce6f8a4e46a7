import type { IncomingMessage } from 'node:http';
import { isIP, isIPv4 } from 'node:net';
import type { FastifyRequest } from 'fastify';
import ipaddr from 'ipaddr.js';

type Address = ReturnType<typeof ipaddr.parse>;

/** An address and how many of its leading bits count. */
export type Network = readonly [Address, number];

const WITH_PORT = /^(?:\[([^\]]*)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+)$/;

/** `10.0.0.0/8`, `fd00::/8` or a single address; undefined when the text is neither. */
export function parseNetwork(text: string): Network | undefined {
  const [written = '', bits, ...more] = text.split('/');
  if (isIP(written) === 0 || written.includes('%') || more.length > 0) return undefined;
  if (bits !== undefined && !/^\d{1,3}$/.test(bits)) return undefined;
  const address = ipaddr.parse(written);
  const length = isIPv4(written) ? 32 : 128;
  const prefix = bits === undefined ? length : Number(bits);
  if (prefix > length) return undefined;
  return address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() && prefix >= 96
    ? [address.toIPv4Address(), prefix - 96]
    : [address, prefix];
}

/** One spelling for one address, without port and zone, and an IPv4 address always as such; undefined when it is none. */
export function canonicalAddress(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (isIPv4(text)) return text;
  const [, bracketed, beforePort] = WITH_PORT.exec(text) ?? [];
  const [address = ''] = (bracketed ?? beforePort ?? text).split('%');
  return isIP(address) === 0 ? undefined : ipaddr.process(address).toString();
}

/** Whether an address belongs to one of the proxies whose word on their clients is taken. */
export const trusts =
  (proxies: readonly Network[]) =>
  (text: string): boolean => {
    const address = canonicalAddress(text);
    if (address === undefined) return false;
    const parsed = ipaddr.parse(address);
    return proxies.some(([proxy, bits]) => proxy.kind() === parsed.kind() && parsed.match(proxy, bits));
  };

/**
 * Where a request comes from: the nearest address that is no trusted proxy's. What a trusted proxy says is taken as far
 * as it is an address at all; what anyone else says is not.
 */
export function clientAddress({ ip, ips }: Pick<FastifyRequest, 'ip' | 'ips'>): string {
  for (const said of (ips ?? [ip]).toReversed()) {
    const address = canonicalAddress(said);
    if (address !== undefined) return address;
  }
  return 'unknown';
}

/** As Fastify's `ips`, nearest first: the sender and, as far as trusted proxies tell, whom they had it from. */
export function addressesOf(
  { socket, headers }: Pick<IncomingMessage, 'socket' | 'headers'>,
  isTrusted: (address: string) => boolean,
): string[] {
  const forwarded = String(headers['x-forwarded-for'] ?? '').split(',');
  const told = [socket.remoteAddress ?? '', ...forwarded.map((one) => one.trim()).toReversed()];
  const client = told.findIndex((address) => !isTrusted(address));
  return client === -1 ? told : told.slice(0, client + 1);
}

/** An address, or for IPv6 its /64: whoever has one of those has all of them. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const { parts } = ipaddr.IPv6.parse(address);
  return `${parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(':')}::/64`;
}
