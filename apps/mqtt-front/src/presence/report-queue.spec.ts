import { describe, expect, it } from '@jest/globals';
import type { DoorReport } from '@muster/contracts/device-registry/connectivity.requests';
import { ReportQueue } from './report-queue.js';

const AT = '2026-11-29T00:00:00.000Z';
const opened = (connection: string, deviceId = 'd1'): DoorReport => ({
  kind: 'opened',
  connection,
  tenantId: 'default',
  deviceId,
  at: AT,
});
const used = (connection: string, deviceId: string): DoorReport => ({
  ...opened(connection, deviceId),
  kind: 'used',
});
const closed = (connection: string): DoorReport => ({
  kind: 'closed',
  connection,
  reason: 'lost',
  at: AT,
});
const lines = (queue: ReportQueue): string[] =>
  queue
    .next(Infinity)
    .map(({ kind, connection, deviceId = '' }) => `${kind} ${connection} ${deviceId}`.trim());

describe('what is to be told', () => {
  it('is told once and in order; what is over is not used, and ends once', () => {
    const queue = new ReportQueue(100);
    queue.opened(opened('k1'));
    queue.used(used('k1', 'd1'));
    queue.used(used('k1', 'd2'));
    queue.used(used('k1', 'd2'));
    queue.closed(closed('k1'));
    queue.closed(closed('k1'));
    queue.used(used('k1', 'd3'));
    queue.closed(closed('nobody'));
    expect(lines(queue)).toEqual(['opened k1 d1', 'used k1 d2', 'closed k1']);
    queue.told(2);
    expect(lines(queue)).toEqual(['closed k1']);
  });

  it('of a new life of the door is all that is open, and what waits of the rest', () => {
    const queue = new ReportQueue(100);
    for (const one of ['k1', 'k2', 'k3']) queue.opened(opened(one, `of-${one}`));
    queue.used(used('k2', 'd2'));
    queue.told(4);
    queue.closed(closed('k1'));
    queue.opened(opened('k4', 'of-k4'));
    queue.opened(opened('k5', 'of-k5'));
    queue.closed(closed('k4'));
    queue.tellAnew();
    expect(lines(queue)).toEqual([
      'closed k1',
      'opened k4 of-k4',
      'closed k4',
      'opened k2 of-k2',
      'used k2 d2',
      'opened k3 of-k3',
      'opened k5 of-k5',
    ]);
  });
});

describe('while nobody can be told', () => {
  it('devices that come and go for hours take no more room than their last time, and nothing is lost', () => {
    const queue = new ReportQueue(1_000);
    queue.opened(opened('old', 'd0'));
    queue.opened(opened('stays', 'd9'));
    queue.told(2);
    queue.closed(closed('old'));
    for (let n = 0; n < 50_000; n += 1) {
      queue.opened(opened(`k${n}`, `d${n % 10}`));
      queue.closed(closed(`k${n}`));
    }
    expect(queue.length).toBeLessThanOrEqual(1_000);
    expect(queue.length + queue.leftOut).toBe(100_001);
    const left = lines(queue);
    expect(left).toContain('closed old');
    for (let n = 49_990; n < 50_000; n += 1) expect(left).toContain(`closed k${n}`);
    // Each that is left is whole.
    for (const line of left.slice(1).filter((one) => one.startsWith('closed'))) {
      expect(left.some((one) => one.startsWith(`opened ${line.split(' ')[1]} `))).toBe(true);
    }
    expect(queue.open).toBe(1);
  });

  it('what may have been heard already is kept whole', () => {
    const queue = new ReportQueue(10);
    queue.opened(opened('k0'));
    expect(queue.next(1)).toHaveLength(1);
    queue.closed(closed('k0'));
    for (let n = 1; n < 100; n += 1) {
      queue.opened(opened(`k${n}`));
      queue.closed(closed(`k${n}`));
    }
    expect(lines(queue).slice(0, 2)).toEqual(['opened k0 d1', 'closed k0']);
  });

  it('what is open, and who spoke for others, is kept however much it is', () => {
    const queue = new ReportQueue(10);
    for (let n = 0; n < 50; n += 1) queue.opened(opened(`k${n}`, `d${n}`));
    for (let n = 50; n < 60; n += 1) {
      queue.opened(opened(`k${n}`));
      queue.used(used(`k${n}`, `d${n}`));
      queue.closed(closed(`k${n}`));
    }
    expect(queue.leftOut).toBe(0);
    expect(queue.length).toBe(80);
  });
});
