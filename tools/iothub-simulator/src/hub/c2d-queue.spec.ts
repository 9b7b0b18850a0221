import { describe, expect, it } from '@jest/globals';
import { C2dQueue, wantsFeedback, type Ack, type C2dMessage, type Outcome } from './c2d-queue.js';

const LIMITS = { maxQueued: 2, maxDeliveryCount: 2, lockMs: 100 };

const message = (messageId: string, expiresAt = 1_000): C2dMessage => ({
  messageId,
  body: Buffer.alloc(0),
  properties: {},
  ack: 'full',
  enqueuedAt: 0,
  expiresAt,
});

const queueOf = (...messages: C2dMessage[]): C2dQueue => {
  const queue = new C2dQueue(LIMITS);
  for (const one of messages) queue.enqueue(one);
  return queue;
};

describe("a device's queue", () => {
  it('gives out in order, each to one', () => {
    const queue = queueOf(message('a'), message('b'));
    expect(queue.lock(0)?.message.messageId).toBe('a');
    expect(queue.lock(0)?.message.messageId).toBe('b');
    expect(queue.lock(0)).toBeUndefined();
  });

  it('is full with what is locked, too', () => {
    const queue = queueOf(message('a'), message('b'));
    queue.lock(0);
    expect(() => queue.enqueue(message('c'))).toThrow(/holds 2 messages already/);
  });

  it('completes once', () => {
    const queue = queueOf(message('a'));
    const token = queue.lock(0)?.lockToken ?? 0;
    expect(queue.complete(token)).toMatchObject({ outcome: 'Success' });
    expect(queue.complete(token)).toBeUndefined();
  });

  it('gives out again when a lock has run out, without end; the old lock is worth nothing', () => {
    const queue = queueOf(message('a'));
    const first = queue.lock(0)?.lockToken ?? 0;
    for (const now of [100, 200, 300]) {
      queue.expire(now);
      expect(queue.lock(now)).toMatchObject({ deliveryCount: 1 });
    }
    expect(queue.complete(first)).toBeUndefined();
  });

  it('gives up what was abandoned too often', () => {
    const queue = queueOf(message('a'));
    expect(queue.abandon(queue.lock(0)?.lockToken ?? 0)).toBeUndefined();
    expect(queue.abandon(queue.lock(0)?.lockToken ?? 0)).toMatchObject({ outcome: 'DeliveryCountExceeded' });
    expect(queue.length).toBe(0);
  });

  it('expires what nobody fetched, and what somebody has locked', () => {
    const queue = queueOf(message('a', 10), message('b', 10));
    queue.lock(0);
    expect(queue.expire(10).map(({ outcome }) => outcome)).toEqual(['Expired', 'Expired']);
  });

  it('gives out nothing whose time is over', () => {
    expect(queueOf(message('a', 10)).lock(10)).toBeUndefined();
  });
});

describe('feedback', () => {
  it.each<[Ack, Outcome, boolean]>([
    ['none', 'Success', false],
    ['positive', 'Success', true],
    ['positive', 'Expired', false],
    ['negative', 'Success', false],
    ['negative', 'Expired', true],
    ['full', 'Purged', true],
  ])('%s: %s is told: %s', (ack, outcome, wanted) => {
    expect(wantsFeedback({ message: { ...message('a'), ack }, outcome })).toBe(wanted);
  });
});
