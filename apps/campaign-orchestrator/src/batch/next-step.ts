import type {
  CampaignOutcome,
  CampaignPhase,
  GateAnswer,
} from '@muster/contracts/campaign-orchestrator/campaign';
import type { StoredGateNumbers } from '../campaign/campaign.events.js';
import type { Batch, Campaign } from '../campaign/campaign-state.js';
import { inFlight, numberOf, numbersOf, openTargets, sumOf, unsynced, type Counts } from './counts.js';
import { devices, devicesHave } from './devices.js';
import { judgeGate } from './gate.js';
import { windowAt } from './window.js';

/** What the campaign does next. Each is recorded so that the same question gets another answer afterwards. */
export type Action =
  | { readonly type: 'snapshot' }
  /** `most`: as many as are left and fit into what may be in flight. */
  | { readonly type: 'write'; readonly batch: number; readonly most: number }
  /** Asks again for what was handed over and not answered. */
  | { readonly type: 'finish-writes' }
  | { readonly type: 'release'; readonly batch: number }
  | { readonly type: 'dispatched'; readonly batch: number }
  | { readonly type: 'synchronised'; readonly batch: number }
  | {
      readonly type: 'gate';
      readonly batch: number;
      readonly answer: GateAnswer;
      readonly numbers: StoredGateNumbers;
    }
  | { readonly type: 'pass'; readonly batch: number }
  | { readonly type: 'hold'; readonly detail: string }
  /** Gives up what is not settled: `all`, or only what has not been told yet. */
  | { readonly type: 'cancel-targets'; readonly which: 'untold' | 'all' }
  | { readonly type: 'finish-cancel' }
  /** `endAt` has come, or an operator waits no longer: what was never written is skipped, the rest has timed out. */
  | { readonly type: 'end-targets' }
  | { readonly type: 'complete'; readonly outcome: CampaignOutcome }
  /** Of a completed campaign whose outcome was open: now it is known. */
  | { readonly type: 'settle'; readonly outcome: CampaignOutcome };

export interface Phase {
  readonly name: CampaignPhase;
  /** A sentence. */
  readonly detail: string;
  /** When it ends by itself, as operators are shown it; null: not at a known time. Not the end of the campaign. */
  readonly nextAt: string | null;
}

export interface NextStep {
  /** Null: nothing for now. */
  readonly action: Action | null;
  /** What a running campaign does or waits for; null: it is not running. */
  readonly phase: Phase | null;
  /** When it is to be looked at at the latest: for its phase, for one of its devices, or for its end. Null: no more. */
  readonly nextAt: string | null;
}

export interface Situation {
  readonly campaign: Campaign;
  /** By batch, in their order. */
  readonly counts: readonly Counts[];
  /** Devices that were handed to `configuration` and not answered yet. */
  readonly handedOver: number;
  readonly now: string;
  /** What is away, and when it is asked again; null: nothing. */
  readonly away: { readonly detail: string; readonly until: string } | null;
  /** What keeps documents from its devices for longer than moments, and until about when; null: nothing does. */
  readonly limited: { readonly detail: string; readonly until: string } | null;
  /** When the rate allows more; null: now. */
  readonly pacedUntil: string | null;
  /** The earliest of its devices; null: there is none. */
  readonly deadlineAt: string | null;
  readonly retryAt: string | null;
}

/** Documents are with their interface within moments: after so long something is away. */
const SYNC_MS = 10_000;
/** How soon it is asked again for how long it is limited: that depends on what else there is to do. */
const LIMITED_MS = 10_000;

/**
 * What is next for a campaign, or what it waits for. Pure, and without a memory of its own: everything that it goes by is
 * stored. A running campaign always has a phase, and goes on at `nextAt` at the latest: `endAt` is always set.
 */
export const nextStep = (situation: Situation): NextStep => {
  const { campaign, counts, now } = situation;
  const { status, launch, definition } = campaign;
  if (launch === null || definition === null) return NOTHING;
  const all = sumOf(counts);
  if (status === 'completed') return afterwards(launch.endAt, situation, all);
  if (status !== 'running' && status !== 'paused') return NOTHING;
  if (campaign.cancel !== null) return cancelling(situation, all);
  if (!launch.resolved) return acting({ type: 'snapshot' }, FINDING.name, FINDING.detail);
  const step =
    launch.endAt <= now ? ending(situation, all) : status === 'paused' ? PAUSED : goingOn(situation, all);
  // `endAt` and what is due of its devices wake it in any case.
  const endAt = launch.endAt <= now ? null : launch.endAt;
  return { ...step, nextAt: earliest(step.nextAt, endAt, dueAt(situation)) };
};

/**
 * When devices may be offered again what they refused because of the moment: as with what is written for the first time, not while it
 * is paused or being cancelled, within its window, and not while the service is away. Null: not at a known time.
 */
export const retriesAt = ({ campaign, away, now }: Situation, retryAt: string): string | null => {
  if (campaign.status === 'paused' || campaign.cancel !== null) return null;
  const from = away === null || away.until <= retryAt ? retryAt : away.until;
  const { open, changesAt } = windowAt(campaign.definition?.window ?? null, from > now ? from : now);
  return open ? from : changesAt;
};

/** When the next of its devices must be seen to, and when what was handed over is asked for again. */
const dueAt = (situation: Situation): string | null => {
  const { deadlineAt, retryAt, handedOver, away } = situation;
  return earliest(
    deadlineAt,
    retryAt === null ? null : retriesAt(situation, retryAt),
    handedOver > 0 && away !== null ? away.until : null,
  );
};

/**
 * Before devices are given up: what was handed over may be done already, and then it must be on record that it was, for a
 * revert for one. Null: nothing is handed over.
 */
const unanswered = ({ handedOver, away, now }: Situation, name: CampaignPhase): NextStep | null => {
  if (handedOver === 0) return null;
  const detail = `${devices(handedOver)} handed over and not answered yet.`;
  if (away !== null && away.until > now) return waiting(name, `${detail} ${away.detail}`, away.until);
  return acting({ type: 'finish-writes' }, name, detail);
};

/** Of a launch that has just begun, too. */
export const FINDING: Phase = {
  name: 'snapshotting',
  detail: 'It is finding the devices of its target.',
  nextAt: null,
};

const NOTHING: NextStep = { action: null, phase: null, nextAt: null };
const ENDING: NextStep = { ...NOTHING, action: { type: 'end-targets' } };
const PAUSED = NOTHING;

/** Devices of a completed campaign may still settle, until its end. */
const afterwards = (endAt: string, situation: Situation, all: Counts): NextStep => {
  const outcome = outcomeOf(all);
  if (situation.campaign.outcome === 'unsettled' && outcome !== 'unsettled')
    return { ...NOTHING, action: { type: 'settle', outcome } };
  if (openTargets(all) === 0) return NOTHING;
  if (endAt <= situation.now || situation.campaign.waitEnded !== null)
    return { ...(unanswered(situation, 'awaiting_service') ?? ENDING), phase: null };
  return { ...NOTHING, nextAt: earliest(endAt, dueAt(situation)) };
};

const cancelling = (situation: Situation, all: Counts): NextStep => {
  const { cancel, launch } = situation.campaign;
  const phase = 'cancelling';
  const what = 'It is being cancelled.';
  if (launch?.resolved !== true) return acting({ type: 'finish-cancel' }, phase, what);
  const before = unanswered(situation, phase);
  if (before !== null) return before;
  // Nobody is waited for beyond the end.
  if (cancel?.mode === 'force' || launch.endAt <= situation.now) {
    if (openTargets(all) > 0) return acting({ type: 'cancel-targets', which: 'all' }, phase, what);
    return acting({ type: 'finish-cancel' }, phase, what);
  }
  const untold = openTargets(all) - inFlight(all);
  if (untold > 0) return acting({ type: 'cancel-targets', which: 'untold' }, phase, what);
  const flying = inFlight(all);
  if (flying === 0) return acting({ type: 'finish-cancel' }, phase, what);
  const detail = `It is being cancelled; ${devices(flying)} in flight may still finish.`;
  return waiting(phase, detail, earliest(launch.endAt, dueAt(situation)));
};

const ending = (situation: Situation, all: Counts): NextStep => {
  const { batches } = situation.campaign;
  const detail = 'Its end has come.';
  const before = unanswered(situation, 'awaiting_service');
  if (before !== null) return before;
  if (openTargets(all) > 0) return acting({ type: 'end-targets' }, 'dispatching', detail);
  // What was skipped because the end came first has not failed, and all the same nobody may take it for done.
  const isDone = batches.every(({ status }) => status === 'passed');
  const outcome = isDone ? outcomeOf(all) : 'completed_with_failures';
  return acting({ type: 'complete', outcome }, 'dispatching', detail);
};

const goingOn = (situation: Situation, all: Counts): NextStep => {
  const { campaign } = situation;
  const held = overThreshold(campaign, all);
  if (held !== null) return acting({ type: 'hold', detail: held }, 'dispatching', held);
  const batch = campaign.batches.find(({ status }) => status !== 'passed');
  if (batch === undefined) return finishing(campaign, all);
  switch (batch.status) {
    case 'planned':
    case 'waiting':
      return beforeRelease(situation, batch);
    case 'writing':
      return writing(situation, batch, all);
    case 'syncing':
      return syncing(situation, batch);
    case 'observing':
      return observing(situation, batch);
    // A batch is held only while its campaign is paused, and ended only with it.
    case 'held':
    case 'passed':
    case 'skipped':
    case 'cancelled':
      throw new Error(`batch ${batch.index} of a running campaign is ${batch.status}`);
  }
};

const finishing = (campaign: Campaign, all: Counts): NextStep => {
  const open = openTargets(all);
  if (campaign.definition?.waitForDevices !== true || open === 0) {
    const detail = 'Every batch is done.';
    return acting({ type: 'complete', outcome: outcomeOf(all) }, 'awaiting_devices', detail);
  }
  return waiting('awaiting_devices', `Every batch is done; ${devicesHave(open)} not settled yet.`, null);
};

const beforeRelease = ({ campaign, now }: Situation, batch: Batch): NextStep => {
  const { definition, batches } = campaign;
  const { index, size } = batch;
  if (size === 0) return acting({ type: 'pass', batch: index }, 'dispatching', `Batch ${index} is empty.`);
  if (batch.release === 'manual')
    return waiting('awaiting_operator', `Batch ${index} waits until an operator releases it.`, null);
  const before = batches
    .slice(0, index - 1)
    .flatMap(({ releasedAt }) => releasedAt ?? [])
    .at(-1);
  const spacedAt = before === undefined ? now : laterBy(before, definition?.spacingSeconds ?? 0);
  if (spacedAt > now) {
    const detail = `Batch ${index} is released ${definition?.spacingSeconds ?? 0} s after the one before it.`;
    return waiting('awaiting_spacing', detail, spacedAt);
  }
  const closed = outsideWindow(campaign, now);
  if (closed !== null) return closed;
  return acting({ type: 'release', batch: index }, 'dispatching', `Batch ${index} is released.`);
};

const writing = (situation: Situation, batch: Batch, all: Counts): NextStep => {
  const { campaign, counts, handedOver, now, away, limited, pacedUntil } = situation;
  const { index, size } = batch;
  const failed = failedGate(situation, batch);
  if (failed !== null) return failed;
  const planned = numberOf(counts[index - 1] ?? {}, 'planned');
  const told = size - planned;
  const why = limited === null ? '' : ` ${limited.detail}`;
  const progress = `Batch ${index}: ${told} of ${devices(size)} written.${why}`;
  if (planned === 0 && handedOver === 0)
    return acting({ type: 'dispatched', batch: index }, 'dispatching', progress);
  if (away !== null && away.until > now) return waiting('awaiting_service', away.detail, away.until);
  // What was handed over may be done already: it is asked for whatever else holds.
  if (handedOver > 0) return acting({ type: 'finish-writes' }, 'dispatching', progress);
  const closed = outsideWindow(campaign, now);
  if (closed !== null) return closed;
  const { maxInFlight } = campaign.rate;
  const room = maxInFlight === null ? planned : Math.min(planned, maxInFlight - inFlight(all));
  if (room <= 0) {
    const detail = `${progress} ${devices(inFlight(all))} in flight; more go when there are fewer than ${maxInFlight ?? 0}.`;
    return waiting('dispatching', detail, null);
  }
  if (pacedUntil !== null && pacedUntil > now) return waiting('dispatching', progress, pacedUntil);
  return acting({ type: 'write', batch: index, most: room }, 'dispatching', progress);
};

const syncing = (situation: Situation, batch: Batch): NextStep => {
  const { counts, now, limited } = situation;
  const failed = failedGate(situation, batch);
  if (failed !== null) return failed;
  const left = unsynced(counts[batch.index - 1] ?? {});
  const whose = left === 1 ? 'the interface of 1 device has' : `the interfaces of ${left} devices have`;
  const detail = `Batch ${batch.index}: ${whose} not taken the document yet.`;
  if (left === 0) return acting({ type: 'synchronised', batch: batch.index }, 'dispatching', detail);
  if (limited !== null) {
    const step = waiting('dispatching', `${detail} ${limited.detail}`, limited.until);
    return { ...step, nextAt: laterBy(now, LIMITED_MS / 1_000) };
  }
  const lateAt = laterBy(batch.dispatchedAt ?? now, SYNC_MS / 1_000);
  return lateAt > now ? waiting('dispatching', detail, lateAt) : waiting('awaiting_service', detail, null);
};

const observing = (situation: Situation, batch: Batch): NextStep => {
  const { index, gate } = batch;
  if (gate === null || batch.gateOverridden)
    return acting({ type: 'pass', batch: index }, 'dispatching', `Batch ${index} is synchronised.`);
  const { answer, numbers, nextAt, waitsFor } = judgementOf(situation, batch);
  if (answer !== null)
    return acting({ type: 'gate', batch: index, answer, numbers }, 'awaiting_gate', 'Its gate is answered.');
  return waiting('awaiting_gate', `Batch ${index}: ${lowerFirst(waitsFor)}`, nextAt);
};

/** What is certain already need not be told to the rest of the batch. */
const failedGate = (situation: Situation, batch: Batch): NextStep | null => {
  if (batch.gate === null || batch.gateOverridden) return null;
  const { answer, numbers } = judgementOf(situation, batch);
  if (answer !== 'fail') return null;
  return acting(
    { type: 'gate', batch: batch.index, answer, numbers },
    'awaiting_gate',
    'Its gate has failed.',
  );
};

const judgementOf = ({ counts, now }: Situation, { index, gate, status, observedSince }: Batch) => {
  if (gate === null) throw new Error('a batch without a gate is not judged');
  return judgeGate(gate, {
    ...numbersOf(counts[index - 1] ?? {}),
    observedSince: status === 'observing' ? observedSince : null,
    now,
  });
};

const overThreshold = (campaign: Campaign, all: Counts): string | null => {
  const threshold = campaign.definition?.failureThreshold ?? null;
  if (threshold === null || campaign.thresholdOverridden) return null;
  const failed = numberOf(all, 'failed', 'timed_out');
  const settled = failed + numberOf(all, 'succeeded');
  const enough = Math.min(threshold.minSettled, settled + openTargets(all));
  if (settled < enough || failed * 100 <= threshold.maxFailurePercent * settled) return null;
  const percent = ((failed * 100) / settled).toFixed(1);
  return `${failed} of ${settled} settled devices (${percent} %) have failed or timed out; at most ${threshold.maxFailurePercent} % may.`;
};

const outsideWindow = ({ definition }: Campaign, now: string): NextStep | null => {
  const window = definition?.window ?? null;
  const { open, changesAt } = windowAt(window, now);
  if (open || window === null) return null;
  const detail = `It writes from ${window.from} to ${window.to} (${window.timeZone}) only.`;
  return waiting('outside_window', detail, changesAt);
};

/** A failure is certain at once; that there is none, only when nobody is waited for any more. */
const outcomeOf = (all: Counts): CampaignOutcome => {
  if (numberOf(all, 'failed', 'timed_out') > 0) return 'completed_with_failures';
  return openTargets(all) > 0 ? 'unsettled' : 'succeeded';
};

const acting = (action: Action, name: CampaignPhase, detail: string): NextStep => ({
  action,
  phase: { name, detail, nextAt: null },
  nextAt: null,
});

const waiting = (name: CampaignPhase, detail: string, nextAt: string | null): NextStep => ({
  action: null,
  phase: { name, detail, nextAt },
  nextAt,
});

const lowerFirst = (sentence: string): string => sentence.charAt(0).toLowerCase() + sentence.slice(1);

const earliest = (...times: readonly (string | null)[]): string | null =>
  times.reduce((first, time) => (first === null || (time !== null && time < first) ? time : first), null);

const laterBy = (time: string, seconds: number): string =>
  new Date(Date.parse(time) + seconds * 1_000).toISOString();
