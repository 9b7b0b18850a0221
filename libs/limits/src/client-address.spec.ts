import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { clientAddress, networkOf } from './client-address.js';
import { trustedProxiesOf } from './trusted-proxies.js';

describe('networkOf', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    [undefined, 'unknown'],
  ])('of %s is %s', (address, network) => expect(networkOf(address)).toBe(network));
});

describe('clientAddress', () => {
  const request = (remoteAddress: string, forwarded?: string) =>
    ({ socket: { remoteAddress }, headers: { 'x-forwarded-for': forwarded } }) as unknown as IncomingMessage;
  const proxies = trustedProxiesOf('10.0.0.9');

  it('is the other end, whatever a stranger says', () => {
    expect(clientAddress(request('192.0.2.7', '1.2.3.4'), proxies)).toBe('192.0.2.7');
  });
  it('is what a trusted proxy has written last', () => {
    expect(clientAddress(request('10.0.0.9', '1.2.3.4, 192.0.2.8'), proxies)).toBe('192.0.2.8');
    expect(clientAddress(request('::ffff:10.0.0.9', '192.0.2.8'), proxies)).toBe('192.0.2.8');
    expect(clientAddress(request('10.0.0.9', 'unknown'), proxies)).toBe('10.0.0.9');
    expect(clientAddress(request('10.0.0.9'), proxies)).toBe('10.0.0.9');
  });
});
