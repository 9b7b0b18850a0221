import type { Asked } from '../steady-flow.js';
import { milliseconds, percentile } from '../statistics.js';
import type { Outcome } from './load.js';
import { isServed, type Asking } from './rest-probes.js';

/** A time in which something was done to the platform; of `performance.now()`. */
export interface Span {
  readonly what: string;
  readonly from: number;
  readonly to: number;
}

export const SPAN_HEAD = [
  'REST, p50 and p99',
  'REST: not served in 1 s',
  'the last of them',
  'devices: slowest answer',
  'unanswered',
  'slowest push',
];

/** How operators and devices were served of what they began within it. */
export const rowOfSpan = ({ from, to }: Span, { asked, flows, pushes }: Outcome): string[] => {
  const within = asked.filter(({ at }) => at >= from && at < to);
  const bad = within.filter((one) => !isServed(one));
  const messages = flows.flatMap((flow) => flow.asked).filter(({ sentAt }) => sentAt >= from && sentAt < to);
  const done = pushes.filter(({ at, words }) => at >= from && at < to && words === '200');
  const took = within.filter(({ words }) => words === '200').map(({ ms }) => ms);
  return [
    took.length === 0 ? 'none' : [0.5, 0.99].map((part) => milliseconds(percentile(took, part))).join(', '),
    `${bad.length} of ${within.length}${wordsOfBad(bad)}`,
    bad.length === 0 ? '' : `${inSeconds(Math.max(...bad.map(({ at }) => at)) - from)} after`,
    slowest(messages),
    String(messages.filter(({ answeredAt }) => answeredAt === undefined).length),
    done.length === 0
      ? 'none'
      : inSeconds(Math.max(...done.map(({ at, hadAt }) => (hadAt ?? Number.POSITIVE_INFINITY) - at))),
  ];
};

const wordsOfBad = (bad: readonly Asking[]): string => {
  if (bad.length === 0) return '';
  const counts = new Map<string, number>();
  for (const { service, words } of bad) {
    const key = `${service} ${words === '200' ? 'late' : words}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return `: ${[...counts].map(([key, count]) => `${count} × ${key}`).join(', ')}`;
};

const slowest = (messages: readonly Asked[]): string => {
  const took = messages.flatMap(({ sentAt, answeredAt }) =>
    answeredAt === undefined ? [] : [answeredAt - sentAt],
  );
  return took.length === 0 ? 'none' : inSeconds(Math.max(...took));
};

export const inSeconds = (ms: number): string =>
  Number.isFinite(ms) ? `${(ms / 1_000).toFixed(1)} s` : 'never';
