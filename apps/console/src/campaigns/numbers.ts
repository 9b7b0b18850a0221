import { count, duration, percent } from '../shared/format.js';
import type { Campaign, Statistics, TargetStatus } from './campaigns.queries.js';

/** Devices of a status; one that nobody has is left out of the answer. */
export const ofStatus = (counts: Statistics['byStatus'], status: TargetStatus): number => counts[status] ?? 0;

const sum = (counts: Statistics['byStatus'], statuses: readonly TargetStatus[]): number =>
  statuses.reduce((whole, status) => whole + ofStatus(counts, status), 0);

/** Devices that wait for what they were given, or have not been given it. */
const IN_PROGRESS: readonly TargetStatus[] = ['written', 'dispatched', 'acknowledged', 'retry_wait'];
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

/** What the job has done with its devices; together they are all of them. */
export interface Written {
  readonly synchronised: number;
  readonly unsynchronised: number;
  readonly planned: number;
  /** Skipped, superseded, cancelled or taken out: whether they were written before is not counted. */
  readonly leftOut: number;
}

/** The platform counts who was left out as synchronised, though nothing may have been written to them. */
export const writtenOf = ({
  targets,
  byStatus,
  synchronised,
}: Pick<Statistics, 'targets' | 'byStatus' | 'synchronised'>): Written => {
  const { planned, leftOut } = outcomeOf(byStatus);
  return {
    synchronised: Math.max(0, synchronised - leftOut),
    unsynchronised: Math.max(0, targets - planned - synchronised),
    planned,
    leftOut,
  };
};

/** How the devices of a batch went, in words: together they are all of its devices. */
export const wentHow = ({ succeeded, bad, inProgress, leftOut, planned }: Outcome): string =>
  [
    `${count(succeeded)} ok`,
    `${count(bad)} failed`,
    `${count(inProgress)} open`,
    ...(planned > 0 ? [`${count(planned)} not written yet`] : []),
    ...(leftOut > 0 ? [`${count(leftOut)} left out`] : []),
  ].join(', ');

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

/** Devices that are to be written now, of the batches that are released: what waits for somebody takes as long as they like. */
export const plannedNow = ({ batches }: Campaign, statistics: Statistics): number => {
  const writing = new Set(batches.filter(({ status }) => status === 'writing').map(({ index }) => index));
  return statistics.batches
    .filter(({ index }) => writing.has(index))
    .reduce((whole, { byStatus }) => whole + ofStatus(byStatus, 'planned'), 0);
};

/** Seconds until what is released is written; undefined where nothing is being written. */
export const secondsLeft = (campaign: Campaign, statistics: Statistics): number | undefined => {
  const planned = plannedNow(campaign, statistics);
  if (campaign.status !== 'running' || campaign.phase !== 'dispatching' || planned === 0) return undefined;
  return (planned / (ratePerMinute(statistics.points) ?? campaign.ratePerMinute)) * 60;
};

/** Nothing goes on before somebody releases its next batch: it runs, and must not be taken for one that moves. */
export const waitsForRelease = ({ status, phase }: Pick<Campaign, 'status' | 'phase'>): boolean =>
  status === 'running' && phase === 'awaiting_operator';

/** The batch that an operator can release now: the first that waits, where none before it is on its way. */
export const releasable = ({ status, batches }: Campaign): number | undefined => {
  if (status !== 'running') return undefined;
  return batches.find((batch) => batch.status === 'waiting')?.index;
};

/** How a batch was chosen, in words. */
export const chosenBy = (
  { percent, count: many, filter, deviceIds }: Campaign['batches'][number],
  { batches }: Pick<Campaign, 'batches'>,
): string => {
  // Of one batch alone "the rest" would be read as if something had gone before.
  if (percent === 100) return batches.length === 1 ? 'all' : 'the rest';
  if (percent !== undefined) return `${percent} % of all`;
  if (many !== undefined) return many === 1 ? 'one device' : `${count(many)} devices`;
  if (filter !== undefined) return filter;
  return `${deviceIds?.length ?? 0} named devices`;
};

type Batch = Campaign['batches'][number];
type Gate = NonNullable<Batch['gate']>;

/** What a gate asks for, in words. */
export const gateRule = (gate: Gate): string =>
  [
    gate.maxFailurePercent === undefined ? '' : `at most ${gate.maxFailurePercent} % failed`,
    gate.minSuccessPercent === undefined ? '' : `at least ${gate.minSuccessPercent} % succeeded`,
  ]
    .filter((part) => part !== '')
    .join(' and ');

/** What a gate had seen when it answered: devices go on after it. */
export const answeredAt = (
  { numbers: { settled, failed, timedOut } }: NonNullable<Batch['verdict']>,
  size: number | null,
): string => {
  const bad = failed + timedOut;
  const of = size === null ? '' : ` of ${count(size)}`;
  const settledThen = `when ${count(settled)}${of} ${settled === 1 && of === '' ? 'was' : 'were'} settled`;
  return `${settledThen}: ${count(bad)} failed${settled === 0 ? '' : ` (${percent(bad, settled)})`}`;
};

/** What a batch is shown as. Only a gate lets pass: one without is done, and green only where nothing of it is open or failed. */
export const batchState = ({ status, gate }: Batch, counts: Statistics['byStatus']): string => {
  if (status !== 'passed') return status;
  if (gate !== undefined) return 'passed';
  const { bad, inProgress, planned } = outcomeOf(counts);
  if (bad > 0) return 'done_with_failures';
  return inProgress + planned > 0 ? 'done_unsettled' : 'done';
};

/** One batch of everything that nothing and nobody can hold. */
export const goesUnwatched = ({ batches }: Pick<Campaign, 'batches'>): boolean => {
  const [only] = batches;
  return (
    batches.length === 1 && only?.percent === 100 && only.gate === undefined && only.release !== 'manual'
  );
};

/** Everything else that a gate asks for, in words. */
export const gateTerms = ({
  minSettled = 50,
  minSettledPercent = 25,
  soakSeconds = 0,
  maxWaitSeconds,
  offline = 'exclude',
}: Gate): string =>
  [
    `of ${count(minSettled)} settled`,
    soakSeconds > 0 ? `watched for ${duration(soakSeconds)}` : '',
    maxWaitSeconds === undefined ? 'waits as long as it takes' : `waits ${duration(maxWaitSeconds)} at most`,
    offline === 'wait'
      ? 'waits for devices that are away'
      : offline === 'fail'
        ? 'devices that are away count as failed'
        : `does not wait for devices that are away, if ${minSettledPercent} % have settled`,
  ]
    .filter((part) => part !== '')
    .join(', ');

/** How a gate that has not answered stands, by the numbers of now. */
export interface GateStanding {
  readonly settled: number;
  /** So many must be settled; never more than the batch has. */
  readonly needed: number;
  readonly bad: number;
  /** Until then it is watched, whatever the numbers say; undefined: not any more. */
  readonly soaksUntil?: string;
  /** Then it answers that it cannot tell, and the campaign is paused; undefined: it waits as long as it takes. */
  readonly givesUpAt?: string;
}

/** Undefined: it has no gate, it has answered, or its batch is not released yet. Its times count from the synchronisation. */
export const gateStanding = (
  { gate, verdict, size, status, synchronisedAt }: Batch,
  counts: Statistics['byStatus'],
  now: number,
): GateStanding | undefined => {
  const isOpen = status === 'writing' || status === 'syncing' || status === 'observing';
  if (gate === undefined || verdict !== undefined || size === null || !isOpen) return undefined;
  const { succeeded, bad, leftOut } = outcomeOf(counts);
  const later = (seconds: number | undefined): string | undefined =>
    seconds === undefined || synchronisedAt === undefined
      ? undefined
      : new Date(Date.parse(synchronisedAt) + seconds * 1_000).toISOString();
  const soaksUntil = later(gate.soakSeconds === 0 ? undefined : gate.soakSeconds);
  const givesUpAt = later(gate.maxWaitSeconds);
  return {
    settled: succeeded + bad,
    needed: Math.max(1, Math.min(gate.minSettled ?? 50, size - leftOut)),
    bad,
    ...(soaksUntil === undefined || Date.parse(soaksUntil) <= now ? {} : { soaksUntil }),
    ...(givesUpAt === undefined ? {} : { givesUpAt }),
  };
};

/**
 * Devices that have said nothing since they were written: those that the document has not reached (away, or they have not asked),
 * and those that have it and have not answered.
 */
export interface Silent {
  readonly index: number;
  readonly unreached: number;
  readonly unanswered: number;
}

/** By batch; those without any are left out. */
export const silentOf = ({ batches }: Statistics): readonly Silent[] =>
  batches
    .map(({ index, byStatus }) => ({
      index,
      unreached: ofStatus(byStatus, 'written'),
      unanswered: ofStatus(byStatus, 'dispatched'),
    }))
    .filter(({ unreached, unanswered }) => unreached + unanswered > 0);

/** A campaign that has succeeded is not looked after any more: what somebody changed later shows in its supervision only. */
export const noLonger = (invalid: number): string =>
  `${invalid === 1 ? 'One device is' : `${count(invalid)} devices are`} not as it left them any more`;
