import { afterEach, expect, it } from '@jest/globals';
import { Clients, type Listed } from './clients.js';

const clients = new Clients({ connectionsPerDevice: 10 });
afterEach(() => clients.drain(0));

const client = (name: string, reviewed: string[]): Listed => ({
  end: () => undefined,
  supersede: () => Promise.resolve(),
  cameElsewhere: () => undefined,
  check: () => undefined,
  review: () => void reviewed.push(name),
});

it("has a device's clients look at their rights at once, and those that speak for it, and no others", () => {
  const reviewed: string[] = [];
  const own = client('own', reviewed);
  const gateway = client('gateway', reviewed);
  const other = client('other', reviewed);
  for (const [one, device] of [
    [own, 'd1'],
    [gateway, 'd2'],
    [other, 'd3'],
  ] as const) {
    clients.add(one);
    void clients.bind(one, device, `t.${device}.c`);
  }
  clients.speaksFor(gateway, 'd1');
  clients.review('d1');
  expect(reviewed).toEqual(['own', 'gateway']);
  clients.review();
  expect(reviewed.slice(2)).toEqual(['own', 'gateway', 'other']);
  clients.remove(gateway, { deviceId: 'd2', brokerId: 't.d2.c', spokeFor: ['d2', 'd1'] });
  clients.review('d1');
  expect(reviewed.slice(5)).toEqual(['own']);
});
