import { describe, expect, it } from '@jest/globals';
import { takePortion, type Bucket } from './pace.js';

const at = (ms: number): string => new Date(Date.UTC(2026, 10, 28) + ms).toISOString();

describe('the pace', () => {
  it('is the rate over time, with a short burst at first', () => {
    let bucket: Bucket | null = null;
    let now = 0;
    let written = 0;
    const times: number[] = [];
    while (written < 1_000) {
      const portion = takePortion(bucket, { ratePerMinute: 1_000, wanted: 1_000 - written, now: at(now) });
      bucket = portion.bucket;
      written += portion.count;
      times.push(portion.count);
      if (portion.nextAt !== null) now = Date.parse(portion.nextAt) - Date.parse(at(0));
    }
    expect(times[0]).toBe(33);
    // 1,000 less the burst, at 1,000 a minute.
    expect(now).toBeGreaterThan(57_000);
    expect(now).toBeLessThan(59_500);
  });

  it('always lets something through in the end, be it ever so slow', () => {
    const first = takePortion(null, { ratePerMinute: 1, wanted: 5, now: at(0) });
    expect(first.count).toBe(1);
    const second = takePortion(first.bucket, { ratePerMinute: 1, wanted: 4, now: at(0) });
    expect(second).toMatchObject({ count: 0, nextAt: at(60_000) });
    expect(takePortion(second.bucket, { ratePerMinute: 1, wanted: 4, now: at(60_000) }).count).toBe(1);
  });

  it('gives nothing for a clock that went back', () => {
    const { bucket } = takePortion(null, { ratePerMinute: 60, wanted: 2, now: at(10_000) });
    expect(takePortion(bucket, { ratePerMinute: 60, wanted: 2, now: at(0) }).count).toBe(0);
  });

  it('waits for no more than is wanted', () => {
    expect(takePortion({ tokens: 3, at: at(0) }, { ratePerMinute: 6_000, wanted: 2, now: at(0) }).count).toBe(
      2,
    );
  });
});
