import type { GateAnswer } from '@muster/contracts/campaign-orchestrator/campaign';
import { devicesHave } from '../batch/devices.js';
import { leastOf } from '../batch/gate.js';
import type { StoredGate, StoredGateNumbers } from './campaign.events.js';

/** Why a gate was not passed, for the operator who decides. */
export const gateDetail = (
  index: number,
  answer: GateAnswer,
  gate: StoredGate,
  numbers: StoredGateNumbers,
): string => {
  const { size, settled, succeeded, failed, timedOut } = numbers;
  const stand = `${settled} of ${devicesHave(size)} settled: ${succeeded} succeeded, ${failed} failed, ${timedOut} timed out`;
  const least = leastOf(gate, size);
  const limits = [
    ...(answer === 'inconclusive' && settled < least ? [`at least ${devicesHave(least)} to be settled`] : []),
    ...(gate.minSuccessPercent === null ? [] : [`at least ${gate.minSuccessPercent} % must succeed`]),
    ...(gate.maxFailurePercent === null ? [] : [`at most ${gate.maxFailurePercent} % may fail`]),
  ].join(' and ');
  const said = answer === 'fail' ? 'was not passed' : 'has no answer';
  return `The gate of batch ${index} ${said}: ${stand}${limits === '' ? '' : `; ${limits}`}.`;
};
