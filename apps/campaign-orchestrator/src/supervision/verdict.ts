import {
  entryOf,
  isAsExpected,
  keysNotDesired,
  statesOf,
  type Expectation as Expected,
  type ExpectedState,
} from '@muster/contracts/configuration/as-expected';
import type { DesiredValue, DeviceState } from '@muster/contracts/configuration/campaign.requests';
import type {
  Delivery,
  KnownBy,
  Verdict,
  VerdictReason,
} from '@muster/contracts/campaign-orchestrator/supervisions.requests';
import { sameJson } from '@muster/contracts/same-json';

/** What a device is held against. */
export interface Expectation extends Expected {
  /** Whose wish the desired values are: a campaign writes them after the supervision was opened. Null: nobody's here. */
  readonly campaignId: string | null;
  readonly openedAt: string;
}

export interface Judgement {
  readonly verdict: Verdict;
  readonly reasons: readonly VerdictReason[];
  readonly desired: boolean;
  readonly delivered: Delivery;
  readonly reported: boolean;
  readonly knownBy: KnownBy | null;
}

interface Device {
  readonly state: DeviceState;
  /** A device that fetches what others are sent. */
  readonly fetches: boolean;
  /** It has been valid at some time before. */
  readonly wasValid: boolean;
}

/**
 * What is said of a device now. Pure, and of the device's present state alone: events that are lost, late or doubled
 * change nothing in it. The first that applies of: removed, desired values that somebody else changed, a document that the
 * device refused, a value that it says is another; and where nothing contradicts, whether all is as expected.
 */
export const judge = (expectation: Expectation, { state, fetches, wasValid }: Device): Judgement => {
  const desired = keysNotDesired(expectation, state).length === 0;
  const states = statesOf(expectation, state);
  const reported = states.every(({ met }) => met);
  const knownBy = reported ? leastOf(states) : null;
  const marks = { desired, delivered: deliveryOf(state, fetches), reported, knownBy };
  if (isAsExpected(expectation, state)) return { ...marks, verdict: 'valid', reasons: [] };
  const reasons = contradictions(expectation, state, states);
  if (reasons.length > 0) return { ...marks, verdict: 'invalid', reasons: withDrift(reasons, wasValid) };
  return { ...marks, verdict: hasBeenHeardOf(state) ? 'pending' : 'unknown', reasons: [] };
};

/** What is known only by having been applied makes all of it known only so. */
const leastOf = (states: readonly ExpectedState[]): KnownBy =>
  states.some(({ by }) => by === 'applied') ? 'applied' : 'stated';

const contradictions = (
  expectation: Expectation,
  state: DeviceState,
  states: readonly ExpectedState[],
): VerdictReason[] => {
  if (state.ended) return [{ code: 'removed' }];
  const notDesired = keysNotDesired(expectation, state);
  const changed = notDesired.flatMap((key) => changedBySomebody(expectation, state, key));
  if (changed.length > 0) return changed;
  // Not written yet: nothing that the device says or refuses is about these values.
  if (notDesired.length > 0) return [];
  const { confirmed } = state;
  const rejection = confirmed?.rejection;
  if (
    confirmed !== undefined &&
    rejection !== undefined &&
    Object.keys(expectation.configurations).length > 0
  )
    return [
      {
        code: 'device_error',
        statusCode: rejection.statusCode,
        at: confirmed.at,
        ...(rejection.reasonPhrase === undefined ? {} : { detail: rejection.reasonPhrase }),
      },
    ];
  return states.flatMap((one) => (isContradicted(expectation, state, one) ? [mismatchOf(one)] : []));
};

/** The wish of somebody else that stands in the place of ours. */
const changedBySomebody = (
  { configurations, campaignId, openedAt }: Expectation,
  state: DeviceState,
  key: string,
): VerdictReason[] => {
  const entry = entryOf(state.desired, key);
  const last = entry ?? entryOf(state.withdrawn, key);
  // Nobody ever wanted anything there; or, beside a campaign: it was so before, and the campaign has not come to it.
  if (last === undefined) return [];
  if (campaignId !== null && (last.at <= openedAt || isCampaign(last.by, campaignId))) return [];
  const expected = configurations[key];
  return [
    {
      code: 'desired_changed',
      key,
      ...(expected == null ? {} : { expected }),
      ...(entry === undefined ? {} : { actual: entry.value }),
      by: last.by,
      at: last.at,
    },
  ];
};

const isCampaign = ({ kind, id }: DesiredValue['by'], campaignId: string): boolean =>
  kind === 'campaign' && id === campaignId;

/**
 * A device says another value than is expected. While it has its document and has not answered, it says what it was before,
 * and contradicts nothing; after it has said that it applied the document, it does.
 */
const isContradicted = (
  { configurations }: Expectation,
  { confirmed }: DeviceState,
  { actual, expected }: ExpectedState,
): boolean => {
  if (actual === undefined || sameJson(actual.value, expected)) return false;
  if (Object.keys(configurations).length === 0) return true;
  return confirmed !== undefined && (actual.statedAt ?? actual.at) > confirmed.at;
};

const mismatchOf = ({ key, expected, actual }: ExpectedState): VerdictReason => ({
  code: 'state_mismatch',
  key,
  expected,
  ...(actual === undefined ? {} : { actual: actual.value, at: actual.statedAt ?? actual.at }),
});

const withDrift = (reasons: readonly VerdictReason[], wasValid: boolean): readonly VerdictReason[] =>
  wasValid && reasons.every(({ code }) => code === 'state_mismatch')
    ? [{ code: 'drift' }, ...reasons]
    : reasons;

const deliveryOf = ({ configId, sent }: DeviceState, fetches: boolean): Delivery => {
  if (sent?.configId !== configId || sent.reachedAt === undefined) return 'not_sent';
  return fetches ? 'fetched' : 'sent';
};

/** It said something of these keys, or something has reached it. */
const hasBeenHeardOf = ({ reported, sent, confirmed }: DeviceState): boolean =>
  Object.keys(reported).length > 0 || sent?.reachedAt !== undefined || confirmed !== undefined;

/** Keys of the configuration that a judgement looks at. */
export const keysOf = ({
  configurations,
  expectedStates,
}: Pick<Expectation, 'configurations' | 'expectedStates'>): string[] => [
  ...new Set([...Object.keys(configurations), ...Object.keys(expectedStates)]),
];
