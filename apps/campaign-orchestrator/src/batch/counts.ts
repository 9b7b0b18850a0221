import {
  TARGET_STATUSES,
  type TargetCounts,
  type TargetStatus,
} from '@muster/contracts/campaign-orchestrator/campaign';
import type { Target } from '../target/target.js';
import type { BatchNumbers } from './gate.js';

/**
 * Beside the statuses: `synced` of the written ones those whose interface knows the document, `away` of these those to whom it could
 * not be sent, which a device that fetches never is; `late` those that answered too late.
 */
export type Counted = TargetStatus | Mark;
const MARKS = ['synced', 'away', 'late'] as const;
type Mark = (typeof MARKS)[number];

/** Under what a target is counted. */
export const countedOf = ({
  status,
  synced,
  late,
  interface: by,
}: Pick<Target, 'status' | 'synced' | 'late' | 'interface'>): Counted[] => [
  status,
  ...(status === 'written' && synced ? (['synced'] as const) : []),
  ...(status === 'written' && synced && by !== 'http' ? (['away'] as const) : []),
  ...(late ? (['late'] as const) : []),
];

/** How many targets; what is missing is 0. */
export type Counts = Partial<Readonly<Record<Counted, number>>>;

export const numberOf = (counts: Counts, ...which: readonly Counted[]): number =>
  which.reduce((sum, one) => sum + (counts[one] ?? 0), 0);

/** Sent its document, or just being sent it, and not settled. Who is away or has not asked takes no place: it might never come. */
export const inFlight = (counts: Counts): number =>
  numberOf(counts, 'written', 'dispatched', 'acknowledged') - numberOf(counts, 'synced');

/** Written, and on its way to the interfaces. */
export const unsynced = (counts: Counts): number => numberOf(counts, 'written') - numberOf(counts, 'synced');

export const openTargets = (counts: Counts): number =>
  numberOf(counts, 'planned', 'written', 'dispatched', 'acknowledged', 'retry_wait');

/** As a gate sees them: skipped, superseded, cancelled and removed devices are no part of the batch any more. */
export const numbersOf = (counts: Counts): BatchNumbers => ({
  succeeded: numberOf(counts, 'succeeded'),
  failed: numberOf(counts, 'failed'),
  timedOut: numberOf(counts, 'timed_out'),
  offline: numberOf(counts, 'away'),
  open: openTargets(counts) - numberOf(counts, 'away'),
});

export const sumOf = (all: readonly Counts[]): Counts => {
  const sum: Partial<Record<Counted, number>> = {};
  for (const counts of all) {
    for (const [which, n] of Object.entries(counts) as [Counted, number][])
      sum[which] = (sum[which] ?? 0) + n;
  }
  return sum;
};

/** Every status with its number, 0 too: who reads `failed` must not find nothing there. */
export const everyStatus = (counts: Counts): Record<TargetStatus, number> =>
  Object.fromEntries(TARGET_STATUSES.map((status) => [status, counts[status] ?? 0])) as Record<
    TargetStatus,
    number
  >;

/** Without the marks beside the statuses, and without those that nobody has. */
export const statusCounts = (counts: Counts): TargetCounts =>
  Object.fromEntries(
    Object.entries(counts).filter(([which, n]) => !MARKS.some((mark) => mark === which) && n > 0),
  );
