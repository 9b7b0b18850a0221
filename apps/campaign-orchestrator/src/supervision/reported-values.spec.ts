import { describe, expect, it } from '@jest/globals';
import type { ReportedKey } from '@muster/contracts/campaign-orchestrator/supervisions.requests';
import { withinReply } from './reported-values.js';

const long = 'x'.repeat(500);
const reported = (key: string, ...values: string[]): ReportedKey => ({
  ...{ key, others: 0, none: 0, unknown: 0 },
  values: values.map((value) => ({ value, devices: 1 })),
});
const shown = (keys: readonly ReportedKey[]) =>
  keys.map(({ values }) => values.map(({ value, cut }) => (cut === true ? 'cut' : value)));

describe('withinReply', () => {
  it('leaves a reply as it is that fits', () => {
    const keys = [reported('a', long, 'short'), reported('b')];
    expect(withinReply(keys)).toEqual(keys);
  });

  it('cuts what does not fit, the most frequent of each key last, and keeps how many devices report it', () => {
    const told = withinReply([reported('a', long, long), reported('b', long, 'short')], 1_400);
    expect(shown(told)).toEqual([
      [long, 'cut'],
      [long, 'short'],
    ]);
    expect(told.flatMap(({ values }) => values.map(({ devices }) => devices))).toEqual([1, 1, 1, 1]);
    expect(Buffer.byteLength(JSON.stringify(told))).toBeLessThanOrEqual(1_400);
  });

  it('holds a reply of many keys of the longest values in a message of the bus', () => {
    const values = Array.from({ length: 20 }, () => 'ü'.repeat(998));
    const keys = Array.from({ length: 100 }, (_, n) => reported(`k${n}`, ...values));
    const told = withinReply(keys);
    expect(Buffer.byteLength(JSON.stringify(told))).toBeLessThanOrEqual(700_000);
    expect(shown(told).every(([first, second]) => first !== 'cut' && second !== 'cut')).toBe(true);
  });
});
