import { count } from '../shared/format.js';
import type { Campaign, Statistics, TargetStatus } from './campaigns.queries.js';

/** Devices of a status; one that nobody has is left out of the answer. */
export const ofStatus = (counts: Statistics['byStatus'], status: TargetStatus): number => counts[status] ?? 0;

const sum = (counts: Statistics['byStatus'], statuses: readonly TargetStatus[]): number =>
  statuses.reduce((whole, status) => whole + ofStatus(counts, status), 0);

/** Devices that wait for what they were given, or have not been given it. */
export const IN_PROGRESS: readonly TargetStatus[] = ['written', 'dispatched', 'acknowledged', 'retry_wait'];
const BAD: readonly TargetStatus[] = ['failed', 'timed_out'];
const LEFT_OUT: readonly TargetStatus[] = ['skipped', 'superseded', 'cancelled', 'removed'];

export interface Outcome {
  readonly succeeded: number;
  readonly bad: number;
  readonly inProgress: number;
  readonly leftOut: number;
  readonly planned: number;
}

export const outcomeOf = (counts: Statistics['byStatus']): Outcome => ({
  succeeded: ofStatus(counts, 'succeeded'),
  bad: sum(counts, BAD),
  inProgress: sum(counts, IN_PROGRESS),
  leftOut: sum(counts, LEFT_OUT),
  planned: ofStatus(counts, 'planned'),
});

/**
 * Devices written in a minute, by the last points of the course; undefined while nothing is written. A campaign that waits
 * writes nothing, so its rate says nothing of how long it will take.
 */
export const ratePerMinute = (points: Statistics['points']): number | undefined => {
  const last = points.at(-1);
  const before = points.at(-2);
  if (last === undefined || before === undefined) return undefined;
  const minutes = (Date.parse(last.at) - Date.parse(before.at)) / 60_000;
  const written = ofStatus(before.byStatus, 'planned') - ofStatus(last.byStatus, 'planned');
  return minutes > 0 && written > 0 ? written / minutes : undefined;
};

/** Seconds until everything is written at the limit of the rate; undefined where it waits for something else. */
export const secondsLeft = (
  { status, phase, ratePerMinute: limit }: Campaign,
  { byStatus, points }: Statistics,
): number | undefined => {
  const planned = ofStatus(byStatus, 'planned');
  if (status !== 'running' || phase !== 'dispatching' || planned === 0) return undefined;
  return (planned / (ratePerMinute(points) ?? limit)) * 60;
};

/** The batch that an operator can release now: the first that waits, where none before it is on its way. */
export const releasable = ({ status, batches }: Campaign): number | undefined => {
  if (status !== 'running') return undefined;
  return batches.find((batch) => batch.status === 'waiting')?.index;
};

/** How a batch was chosen, in words. */
export const chosenBy = ({
  percent,
  count: many,
  filter,
  deviceIds,
}: Campaign['batches'][number]): string => {
  if (percent !== undefined) return percent === 100 ? 'the rest' : `${percent} % of all`;
  if (many !== undefined) return many === 1 ? 'one device' : `${count(many)} devices`;
  if (filter !== undefined) return filter;
  return `${deviceIds?.length ?? 0} named devices`;
};

/** What a gate asks for, in words. */
export const gateRule = (gate: NonNullable<Campaign['batches'][number]['gate']>): string =>
  [
    gate.maxFailurePercent === undefined ? '' : `at most ${gate.maxFailurePercent} % failed`,
    gate.minSuccessPercent === undefined ? '' : `at least ${gate.minSuccessPercent} % succeeded`,
  ]
    .filter((part) => part !== '')
    .join(' and ');

/** A campaign that has succeeded is not looked after any more: what somebody changed later shows in its supervision only. */
export const noLonger = (invalid: number): string =>
  `${invalid === 1 ? 'One device is' : `${count(invalid)} devices are`} not as it left them any more`;
