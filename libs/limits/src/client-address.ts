import type { IncomingMessage } from 'node:http';
import { isIP, isIPv4, isIPv6 } from 'node:net';
import type { TrustedProxies } from './trusted-proxies.js';

/**
 * Where a request comes from: the other end of its connection, or what the last proxy in front of us has written into
 * X-Forwarded-For, if that end is one of `trustedProxies`. Anybody else may write what he likes there.
 */
export const clientAddress = (
  request: IncomingMessage,
  trustedProxies: TrustedProxies,
): string | undefined => {
  const address = request.socket.remoteAddress;
  if (!trustedProxies.has(address)) return address;
  const forwarded = request.headers['x-forwarded-for'];
  const last = (Array.isArray(forwarded) ? forwarded.at(-1) : forwarded)?.split(',').at(-1)?.trim() ?? '';
  return isIP(last) === 0 ? address : last;
};

/** What counts as one address: of IPv6 the first four groups, which one household has. */
export const networkOf = (address: string | undefined): string => {
  if (address === undefined) return 'unknown';
  const mapped = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
  if (isIPv4(mapped) || !isIPv6(address)) return mapped;
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::');
  const before = groupsOf(head);
  const after = groupsOf(tail ?? '');
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array.from({ length: zeros }, () => '0'), ...after].slice(0, 4).join(':');
};

const groupsOf = (text: string): string[] => (text === '' ? [] : text.split(':'));
