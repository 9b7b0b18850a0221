import { describe, expect, it } from '@jest/globals';
import { Counters } from './counters.js';
import { parseOptions } from './options.js';
import { brokenPromises, finalReport, Progress, table } from './report.js';

const usage = { elapsedSeconds: 10, rss: 50 * 2 ** 20, cpuShare: 0.25 };

/** A run in which nothing went wrong. */
const goodRun = (): Counters => {
  const counters = new Counters();
  counters.connects = 100;
  counters.requests.telemetry.sent = 1000;
  counters.requests.telemetry.ok = 1000;
  return counters;
};

describe('a table', () => {
  it('has columns as wide as their longest cell, numbers to the right', () => {
    expect(
      table(
        ['what', 'n'],
        [
          ['a', '1000'],
          ['longer', '2'],
        ],
      ),
    ).toBe(['what       n', '------  ----', 'a       1000', 'longer     2'].join('\n'));
  });
});

describe('the line of progress', () => {
  it('tells the rate since the line before', () => {
    const counters = goodRun();
    const progress = new Progress();
    expect(progress.line(counters, usage)).toMatch(/ 100 sent\/s .* 50 MB$/);
    counters.requests.telemetry.unasked = 30;
    expect(progress.line(counters, { ...usage, elapsedSeconds: 11 })).toContain(' 30 sent/s');
  });
});

describe('the report', () => {
  it('counts requests with their latency, and says what went wrong how often', () => {
    const counters = goodRun();
    for (const ms of [1, 2, 3]) counters.requests.telemetry.latency.record(ms);
    for (let n = 0; n < 3; n += 1) counters.errors.add('cex: 404 unknown resource');
    const report = finalReport(counters, usage);
    expect(report).toMatch(/^telemetry +1000 +1000 +0 +0 +0 +2\.0 ms +3\.\d ms$/m);
    expect(report).toMatch(/^ +3 {2}cex: 404 unknown resource$/m);
    expect(report).not.toContain('against the protocol');
  });

  it('does not grow with the number of different faults', () => {
    const counters = goodRun();
    for (let n = 0; n < 1000; n += 1) counters.errors.add(`fault ${n}`);
    expect(counters.errors.total).toBe(1000);
    expect(counters.errors.list()[0]).toEqual(['others', 900]);
    expect(finalReport(counters, usage).split('\n').length).toBeLessThan(60);
  });
});

describe('what was promised', () => {
  const broken = (change: (counters: Counters) => void): string[] => {
    const counters = goodRun();
    change(counters);
    return brokenPromises(counters, parseOptions([]));
  };

  it('was kept when nothing went wrong, also if something is not served yet', () => {
    expect(broken(() => undefined)).toEqual([]);
    expect(broken(({ requests }) => (requests.commands.silent = 500))).toEqual([]);
    expect(broken((counters) => (counters.disconnects = 1))).toEqual([]);
  });

  it('was broken when connections are cut off, samples not answered, the protocol not kept, or nothing connects', () => {
    expect(broken((counters) => (counters.disconnects = 2))).toEqual([
      expect.stringMatching(/^2 of 100 conn/),
    ]);
    expect(broken(({ requests }) => (requests.telemetry.silent = 11))).toEqual([
      expect.stringMatching(/^11 of 1000 samples/),
    ]);
    expect(broken(({ violations }) => violations.add('x is not y'))).toEqual([
      expect.stringMatching(/x is not y/),
    ]);
    expect(broken(({ requests }) => (requests.telemetry.ok = 0))).toEqual([
      expect.stringMatching(/^none of 1000 samples/),
    ]);
    expect(broken((counters) => (counters.connects = 0))).toEqual([expect.stringMatching(/no device/)]);
  });
});
