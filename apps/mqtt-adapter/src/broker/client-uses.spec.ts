import { afterEach, describe, expect, it } from '@jest/globals';
import { createLogger } from '@muster/observability';
import { eventually } from '@muster/testing';
import type { ConfirmChannel } from 'amqplib';
import { clientKey, ClientUses, type ClientUse } from './client-uses.js';

const logger = createLogger({ service: 'test', level: 'silent' });
const device = (deviceId = 'd1') => ({ tenantId: 'default', deviceId });
const open: ClientUses[] = [];

const scene = () => {
  const sent: string[] = [];
  const broker = { confirms: true };
  const channel = {
    sendToQueue: (_queue: string, content: Buffer, _options: object, done: (error: null) => void) => {
      const { clientId, deviceId, at } = JSON.parse(content.toString()) as ClientUse;
      sent.push(`${clientId} ${deviceId} ${Date.parse(at)}`);
      if (broker.confirms) done(null);
      return true;
    },
  } as unknown as ConfirmChannel; // all that is used of it
  const time = { now: 1_000_000 };
  const uses = new ClientUses(logger, () => time.now);
  open.push(uses);
  return { sent, broker, channel, time, uses };
};

afterEach(() => {
  for (const uses of open.splice(0)) uses.stop();
});

describe('what a client uses', () => {
  it('is told once, however many topics it uses at once', async () => {
    const { sent, channel, uses } = scene();
    uses.attach(channel);
    for (let n = 0; n < 5; n += 1) await uses.note('c1', device());
    await uses.note('c1', device('d2'));
    expect(sent).toEqual(['c1 d1 1000000', 'c1 d2 1000000']);
  });

  it('is told at once when the client connects anew', async () => {
    const { sent, channel, uses } = scene();
    uses.attach(channel);
    await uses.note('c1', device());
    uses.connecting('c1');
    await uses.note('c1', device());
    expect(sent).toHaveLength(2);
  });

  it('is told again after ten seconds if it was used since: another replica may have seen it connect', async () => {
    const { sent, channel, time, uses } = scene();
    uses.attach(channel);
    await uses.note('c1', device());
    await uses.note('c2', device());
    await uses.note('c1', device());
    time.now += 10_000;
    await eventually(() => sent.length === 3);
    expect(sent[2]).toBe('c1 d1 1010000');
    time.now += 10_000;
    await uses.note('c1', device());
    expect(sent).toHaveLength(4);
  });

  it('is told when the broker is back, and the client did not wait for that', async () => {
    const { sent, channel, uses } = scene();
    await uses.note('c1', device());
    expect(sent).toEqual([]);
    uses.attach(channel);
    expect(sent).toEqual(['c1 d1 1000000']);
  });

  it('does not wait for a broker that confirms nothing', async () => {
    const { sent, broker, channel, uses } = scene();
    uses.attach(channel);
    broker.confirms = false;
    await uses.note('c1', device());
    uses.detach();
    broker.confirms = true;
    uses.attach(channel);
    expect(sent).toHaveLength(2);
  });
});

describe('the key of a client', () => {
  it('is its id, or a hash where that cannot be a key', () => {
    expect(clientKey('ü 日')).toBe('ü 日');
    expect(clientKey('x'.repeat(129))).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(clientKey('a\0b')).toMatch(/^sha256:/);
  });
});
