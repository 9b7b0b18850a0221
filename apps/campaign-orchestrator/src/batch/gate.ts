import type { GateAnswer } from '@muster/contracts/campaign-orchestrator/campaign';
import type { StoredGate, StoredGateNumbers } from '../campaign/campaign.events.js';
import { devicesHave } from './devices.js';

/** How the devices of a batch stand. */
export interface BatchNumbers {
  readonly succeeded: number;
  readonly failed: number;
  readonly timedOut: number;
  /** Written, and nobody was there to take it. A device that fetches is never one of them: it is awaited like all others. */
  readonly offline: number;
  /** All others that are not settled yet. */
  readonly open: number;
}

export interface GateInput extends BatchNumbers {
  /** Since when it is observed: it was synchronised, or resumed; null: it is still being written or synchronised. */
  readonly observedSince: string | null;
  readonly now: string;
}

export interface Judgement {
  /** Null: not yet. */
  readonly answer: GateAnswer | null;
  readonly numbers: StoredGateNumbers;
  /** With no answer: when the time alone may bring one. */
  readonly nextAt: string | null;
  /** With no answer: what it waits for, a sentence. */
  readonly waitsFor: string;
}

/**
 * Judges settled devices only, because of the others nobody knows: a share of all targets would let most of a bad rollout
 * go out before it falls. `fail` as soon as it is certain; `pass` only of a batch that is observed, after its soak time;
 * `inconclusive` when everything is settled, or the longest wait is over, and neither is true.
 */
export const judgeGate = (gate: StoredGate, input: GateInput): Judgement => {
  const { succeeded, observedSince, now } = input;
  const soakedAt = observedSince === null ? null : after(observedSince, gate.soakSeconds);
  const isSoaked = soakedAt !== null && soakedAt <= Date.parse(now);
  const waitedAt =
    observedSince === null || gate.maxWaitSeconds === null ? null : after(observedSince, gate.maxWaitSeconds);
  const isWaited = waitedAt !== null && waitedAt <= Date.parse(now);
  // Devices that are away are failures only once they had their time to come.
  const away = gate.offline === 'fail' && (isSoaked || isWaited) ? input.offline : 0;
  const failed = input.failed + input.timedOut + away;
  const settled = succeeded + failed;
  const awaited = input.open + (gate.offline === 'wait' ? input.offline : 0);
  const size = settled + input.open + input.offline - away;
  const numbers: StoredGateNumbers = {
    size,
    settled,
    succeeded,
    failed: input.failed + away,
    timedOut: input.timedOut,
  };
  const enough = Math.max(1, Math.min(gate.minSettled, settled + awaited));
  // Few may be left of those that are waited for: what a single one of many says is no reason to go on.
  const toPass = Math.max(enough, leastOf(gate, size));
  const answered = (answer: GateAnswer): Judgement => ({ answer, numbers, nextAt: null, waitsFor: '' });
  const isEmpty = size === 0;

  if (settled >= enough && isFailed(gate, { succeeded, failed, settled, awaited })) return answered('fail');
  if (observedSince === null) return waits(numbers, null, 'Its devices are still being told.');
  if (isSoaked && (isEmpty || (settled >= toPass && isPassed(gate, { succeeded, failed, settled }))))
    return answered('pass');
  const isSettled = awaited === 0 && settled > 0;
  if (isWaited || (isSettled && isSoaked)) return answered('inconclusive');

  const nextAt = earliest(isSoaked ? null : soakedAt, waitedAt);
  if (settled < toPass)
    return waits(
      numbers,
      nextAt,
      `Its gate is judged when ${devicesHave(toPass)} settled; so far ${settled} of ${size}.`,
    );
  if (!isSoaked) return waits(numbers, nextAt, 'It is watched for the time that its gate says.');
  return waits(
    numbers,
    nextAt,
    `Its gate is neither passed nor failed: ${settled} of ${devicesHave(size)} settled.`,
  );
};

/** How many devices of a batch must have settled before it is passed, however many are away. */
export const leastOf = ({ minSettled, minSettledPercent = 0 }: StoredGate, size: number): number =>
  Math.min(minSettled, Math.ceil((size * minSettledPercent) / 100 - 1e-9));

interface Settled {
  readonly succeeded: number;
  readonly failed: number;
  readonly settled: number;
}

const isPassed = (
  { minSuccessPercent, maxFailurePercent }: StoredGate,
  { succeeded, failed, settled }: Settled,
): boolean =>
  (minSuccessPercent === null || succeeded * 100 >= minSuccessPercent * settled) &&
  (maxFailurePercent === null || failed * 100 <= maxFailurePercent * settled);

/** Where only a share of successes is asked for, it has failed when that cannot be reached any more. */
const isFailed = (
  { minSuccessPercent, maxFailurePercent }: StoredGate,
  { succeeded, failed, settled, awaited }: Settled & { readonly awaited: number },
): boolean => {
  if (maxFailurePercent !== null) return failed * 100 > maxFailurePercent * settled;
  if (minSuccessPercent === null) return false;
  return (succeeded + awaited) * 100 < minSuccessPercent * (settled + awaited);
};

const waits = (numbers: StoredGateNumbers, nextAt: number | null, waitsFor: string): Judgement => ({
  answer: null,
  numbers,
  nextAt: nextAt === null ? null : new Date(nextAt).toISOString(),
  waitsFor,
});

const after = (time: string, seconds: number): number => Date.parse(time) + seconds * 1_000;

const earliest = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.min(a, b);
