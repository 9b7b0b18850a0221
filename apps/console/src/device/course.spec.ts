import { describe, expect, it } from '@jest/globals';
import {
  countOf,
  drawn,
  joined,
  keysWithOthers,
  linesOfBuckets,
  linesOfSamples,
  since,
  stripOf,
} from './course.js';
import { bucketFor, cutOf, readKeys, writeKeys } from './series.js';

const at = (second: number): string => new Date(Date.UTC(2026, 0, 1) + second * 1_000).toISOString();
const zero = Date.UTC(2026, 0, 1) / 1_000;
const one = { keys: 1, aggregates: 4 };

describe('the size of a bucket', () => {
  it('is the smallest that can be told from its neighbour in this width', () => {
    expect(bucketFor(86_400, 1_000, one).size).toBe('10m');
    expect(bucketFor(86_400, 300, one).size).toBe('30m');
    expect(bucketFor(3_600, 1_000, one).size).toBe('15s');
    expect(bucketFor(90 * 86_400, 1_000, one).size).toBe('1d');
    expect(bucketFor(10 * 366 * 86_400, 300, one).size).toBe('366d');
  });

  it('keeps within what a query may have, however many keys', () => {
    for (const keys of [1, 3, 6]) {
      const { seconds } = bucketFor(86_400, 100_000, { keys, aggregates: 4 });
      expect((86_400 / seconds + 1) * keys * 4).toBeLessThanOrEqual(10_000);
    }
  });
});

describe('a chart that moves on', () => {
  it('is read anew from where a bucket begins, of days where the day of the viewer does', () => {
    const now = Date.UTC(2026, 0, 15, 13, 37, 11);
    const cut = cutOf(now, { size: '10m', seconds: 600 });
    expect(cut % 600_000).toBe(0);
    expect(now - cut).toBeLessThan(16 * 600_000);
    const midnight = new Date(cutOf(now, { size: '1d', seconds: 86_400 }));
    expect([midnight.getHours(), midnight.getMinutes(), midnight.getDate()]).toEqual([
      ...[0, 0, new Date(now).getDate()],
    ]);
    expect(new Date(cutOf(now, { size: '7d', seconds: 604_800 })).getDay()).toBe(1);
  });

  it('puts what came to what was read, once, and shows nothing older than its time', () => {
    const past = [{ key: 'a', aggregate: 'avg', points: [[at(0), 1] as const, [at(60), 2] as const] }];
    const tail = [
      { key: 'a', aggregate: 'avg', points: [[at(60), 3] as const, [at(120), 4] as const] },
      { key: 'b', aggregate: 'avg', points: [[at(60), 9] as const] },
    ];
    const [a, b] = joined(past, tail);
    expect(a?.points).toEqual([
      ...[
        [at(0), 1],
        [at(60), 3],
        [at(120), 4],
      ],
    ]);
    expect(b?.key).toBe('b');
    expect(since(a === undefined ? [] : [a], (zero + 60) * 1_000)[0]?.points).toHaveLength(2);
  });
});

describe('telemetry as lines', () => {
  const buckets = [
    { key: 'a', aggregate: 'avg', points: [[at(0), 2] as const] },
    { key: 'a', aggregate: 'min', points: [[at(0), 1] as const] },
    { key: 'a', aggregate: 'max', points: [[at(0), 3] as const] },
    { key: 'a', aggregate: 'count', points: [[at(0), 5] as const, [at(60), 2] as const] },
  ];

  it('has of each bucket the average in its middle, with the least and the greatest', () => {
    expect(linesOfBuckets(buckets, ['a'], 60)).toEqual([
      { key: 'a', points: [{ at: zero + 30, value: 2, min: 1, max: 3 }] },
    ]);
    expect(countOf(buckets)).toBe(7);
  });

  it('knows that a bucket had values that are no numbers', () => {
    expect(keysWithOthers(buckets, ['a', 'b'])).toEqual(['a']);
    expect(keysWithOthers(buckets.slice(0, 3), ['a'])).toEqual([]);
  });

  it('draws numbers only of samples', () => {
    const samples = [{ key: 'a', points: [[at(0), 1] as const, [at(1), 'x'] as const, [at(2), 2] as const] }];
    expect(linesOfSamples(samples, ['a'])[0]?.points).toEqual([
      { at: zero, value: 1 },
      { at: zero + 2, value: 2 },
    ]);
  });

  it('is broken off where nothing came for longer than usual, and not at the times of another line', () => {
    const points = [0, 10, 20, 30, 100, 110].map((second) => ({ at: second, value: second }));
    const { columns, data } = drawn(
      [
        { key: 'a', points },
        { key: 'b', points: [{ at: 15, value: 7 }] },
      ],
      0,
    );
    expect(columns).toEqual([
      { line: 0, part: 'value' },
      { line: 1, part: 'value' },
    ]);
    expect(data[0]).toEqual([0, 10, 15, 20, 30, 65, 100, 110]);
    expect(data[1]).toEqual([0, 10, undefined, 20, 30, null, 100, 110]);
    expect(data[2]).toEqual([undefined, undefined, 7, undefined, undefined, undefined, undefined, undefined]);
  });

  it('of two points is not drawn across: nobody knows what is usual', () => {
    const points = [0, 3_600].map((second) => ({ at: second, value: 1 }));
    expect(drawn([{ key: 'a', points }], 60).data[1]).toEqual([1, null, 1]);
  });
});

describe('values that are no numbers', () => {
  it('stand for as long as they stayed the same, and not over a pause', () => {
    const points = [
      ...[[at(0), 'on'] as const, [at(10), 'on'] as const, [at(20), 'off'] as const, [at(30), 5] as const],
      ...[[at(40), null] as const, [at(200), null] as const],
    ];
    expect(stripOf('a', points, { bucketSeconds: 0, end: zero + 205 }).stretches).toEqual([
      { from: zero, to: zero + 20, value: 'on' },
      { from: zero + 20, to: zero + 30, value: 'off' },
      { from: zero + 40, to: zero + 50, value: null },
      { from: zero + 200, to: zero + 205, value: null },
    ]);
  });
});

describe('keys in an address', () => {
  it('come back as they were', () => {
    const keys = ['a,b', '', 'x y', '%'];
    expect(readKeys(writeKeys(keys))).toEqual(keys);
    expect(readKeys(undefined)).toEqual([]);
    expect(readKeys('%zz,a')).toEqual(['a']);
  });
});
