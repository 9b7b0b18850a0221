import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Scheduler } from './scheduler.js';

describe('the scheduler', () => {
  it('runs tasks by their time, those of one time in the order they came', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20)), (delays) => {
        const scheduler = new Scheduler();
        const ran: [number, number][] = [];
        for (const [order, delay] of delays.entries()) scheduler.after(delay, () => ran.push([delay, order]));
        scheduler.runUntil(20);
        expect(ran).toEqual(
          delays.map((delay, order) => [delay, order]).sort((a, b) => a[0]! - b[0]! || a[1]! - b[1]!),
        );
        expect(scheduler.size).toBe(0);
      }),
    );
  });

  it('runs nothing before its time, and nothing twice', () => {
    const scheduler = new Scheduler();
    let runs = 0;
    scheduler.after(10, () => (runs += 1));
    scheduler.runUntil(9.9);
    expect(runs).toBe(0);
    scheduler.runUntil(10);
    scheduler.runUntil(1000);
    expect(runs).toBe(1);
  });

  it('runs nothing that was cancelled, and counts it out', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(20), fc.boolean())), (tasks) => {
        const scheduler = new Scheduler();
        const ran: number[] = [];
        for (const [order, [delay, cancelled]] of tasks.entries()) {
          const cancel = scheduler.after(delay, () => ran.push(order));
          if (cancelled) {
            cancel();
            cancel();
          }
        }
        const kept = tasks.flatMap(([, cancelled], order) => (cancelled ? [] : [order]));
        expect(scheduler.size).toBe(kept.length);
        scheduler.runUntil(20);
        expect([...ran].sort((a, b) => a - b)).toEqual(kept);
      }),
    );
  });

  it('shows a task the time it was for, and catches up on periods it was late for', () => {
    const scheduler = new Scheduler(100);
    const seen: number[] = [];
    const cancel = scheduler.every(10, () => {
      seen.push(scheduler.now);
      if (seen.length === 4) cancel();
    });
    scheduler.runUntil(135);
    expect(seen).toEqual([110, 120, 130]);
    scheduler.runUntil(1000);
    expect(seen).toEqual([110, 120, 130, 140]);
    expect(scheduler.now).toBe(1000);
  });
});
