import { expect, it } from '@jest/globals';
import { trustedProxiesOf } from './trusted-proxies.js';

it.each([
  ['192.0.2.7', '192.0.2.7', true],
  ['192.0.2.7', '192.0.2.8', false],
  ['192.0.2.7', '::ffff:192.0.2.7', true],
  ['10.42.0.0/16', '10.42.255.1', true],
  ['10.42.0.0/16', '::ffff:10.42.255.1', true],
  ['10.42.0.0/16', '10.43.0.1', false],
  ['127.0.0.1, ::1', '::1', true],
  ['fd00::/8', 'fd12:3456::1', true],
  ['fd00::/8', '2001:db8::1', false],
  ['', '192.0.2.7', false],
  ['192.0.2.7', undefined, false],
])('of %j, %s is one: %s', (text, address, isOne) => {
  expect(trustedProxiesOf(text).has(address)).toBe(isOne);
});
