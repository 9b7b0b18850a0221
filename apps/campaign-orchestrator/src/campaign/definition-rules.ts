import { AppError, isTimeZone, WRONG_TIME_ZONE, type FieldError } from '@muster/contracts';
import type {
  BatchDefinition,
  CampaignEdit,
  CampaignTarget,
} from '@muster/contracts/campaign-orchestrator/campaign';
import { windowAt } from '../batch/window.js';
import type {
  CampaignDefinition,
  StoredBatch,
  StoredGate,
  StoredTarget,
  StoredWindow,
} from './campaign.events.js';
import { refuseFields } from './refuse-fields.js';
import { assertValueSets } from './value-sets.js';

/** The installation's own. */
export interface DefinitionLimits {
  /** Devices that may be named. */
  readonly devices: number;
  readonly ratePerMinute: number;
  /** Of all values of one set, as JSON. */
  readonly valuesBytes: number;
}

/** What cannot be seen any more in what is stored: which of the ways to name devices were taken. */
export const assertInput = (input: CampaignEdit): void => {
  const { target, batches } = input;
  refuseFields([
    ...(target == null ? [] : faultsOfTarget(target)),
    ...(batches ?? []).flatMap((batch, place) => faultsOfShare(batch, `batches.${place}`)),
  ]);
};

/**
 * Refuses with every fault, each by its field: `invalid-request`, `invalid-configuration` for keys and values, and what is too
 * large: `payload-too-large`, `configuration-too-large`. What only the devices can tell is checked at launch.
 */
export const assertDefinition = (definition: CampaignDefinition, limits: DefinitionLimits): void => {
  const { batches, window, startAt, endAt, ratePerMinute } = definition;
  refuseFields([
    ...faultsOfSets(definition),
    ...batches.flatMap(({ gate }, place) => faultsOfGate(gate, `batches.${place}.gate`)),
    ...faultsOfShares(batches),
    ...(window === null ? [] : faultsOfWindow(window)),
    ...(startAt !== null && endAt !== null && Date.parse(endAt) <= Date.parse(startAt)
      ? [{ path: 'endAt', message: 'must be after startAt' }]
      : []),
    ...(ratePerMinute > limits.ratePerMinute
      ? [{ path: 'ratePerMinute', message: `must not be greater than ${limits.ratePerMinute}` }]
      : []),
  ]);
  assertValueSets(definition, limits.valuesBytes);
  assertNamed(definition, limits);
};

/**
 * Refuses a window that does not open once between the start, or `now`, and the end: then nothing would ever be written. Throws
 * `invalid-request`.
 */
export const assertOpens = ({ window, startAt, endAt }: CampaignDefinition, now: string): void => {
  if (window === null || endAt === null) return;
  const { open, changesAt } = windowAt(window, startAt !== null && startAt > now ? startAt : now);
  if (open || (changesAt !== null && changesAt < endAt)) return;
  refuseFields([{ path: 'window', message: `must open before endAt, which is ${endAt}` }]);
};

const faultsOfTarget = (target: CampaignTarget): readonly FieldError[] => {
  const ways = [target.deviceIds, target.filter, target.campaignId].filter((way) => way != null);
  if (ways.length !== 1)
    return [{ path: 'target', message: 'must have exactly one of deviceIds, filter and campaignId' }];
  return target.statuses != null && target.campaignId == null
    ? [{ path: 'target.statuses', message: 'is only for a target with campaignId' }]
    : [];
};

const faultsOfShare = (batch: BatchDefinition, path: string): readonly FieldError[] => {
  const ways = [batch.percent, batch.count, batch.deviceIds, batch.filter].filter((way) => way != null);
  return ways.length === 1
    ? []
    : [{ path, message: 'must have exactly one of percent, count, deviceIds and filter' }];
};

const faultsOfSets = (definition: CampaignDefinition): readonly FieldError[] => {
  const { configurations, expectedStates, revertOf } = definition;
  const isEmpty = (values: object): boolean => Object.keys(values).length === 0;
  if (revertOf !== null) {
    return Object.entries({ configurations, expectedStates }).flatMap(([path, values]) =>
      isEmpty(values)
        ? []
        : [{ path, message: 'must be empty: a revert gives each device what it had before' }],
    );
  }
  if (!isEmpty(configurations) || !isEmpty(expectedStates)) return [];
  return [{ path: 'configurations', message: 'must have at least one key, or expectedStates must' }];
};

const faultsOfGate = (gate: StoredGate | null, path: string): readonly FieldError[] => {
  if (gate === null) return [];
  const { minSuccessPercent, maxFailurePercent, soakSeconds, maxWaitSeconds } = gate;
  return [
    ...(minSuccessPercent === null && maxFailurePercent === null && soakSeconds === 0
      ? [{ path, message: 'must have at least one of minSuccessPercent, maxFailurePercent and soakSeconds' }]
      : []),
    ...(maxWaitSeconds !== null && maxWaitSeconds <= soakSeconds
      ? [
          {
            path: `${path}.maxWaitSeconds`,
            message: `must be greater than soakSeconds, which is ${soakSeconds}`,
          },
        ]
      : []),
  ];
};

/**
 * Whether the batches can take all devices. Where counts, lists or filters are among them only the devices can tell, at launch;
 * but what comes after all of them can never have any.
 */
const faultsOfShares = (batches: readonly StoredBatch[]): readonly FieldError[] => {
  let percent = 0;
  for (const [place, { share }] of batches.entries()) {
    if (percent >= 100) {
      const message = `can never have a device: the batches before it take ${rounded(percent)} percent`;
      return [{ path: `batches.${place}`, message }];
    }
    percent += 'percent' in share ? share.percent : 0;
  }
  if (percent >= 100 - EPSILON || batches.some(({ share }) => !('percent' in share))) return [];
  const left = rounded(100 - percent);
  return [
    {
      path: 'batches',
      message: `must add up: ${left} percent of the devices are left over; end with {"percent": 100}, which takes the rest`,
    },
  ];
};

/** Three times 33.3 and a 0.1 are 100, which binary fractions miss. */
const EPSILON = 1e-6;
const rounded = (percent: number): number => Math.round(percent * 1_000) / 1_000;

const faultsOfWindow = ({ timeZone, from, to }: StoredWindow): readonly FieldError[] => [
  ...(isTimeZone(timeZone) ? [] : [{ path: 'window.timeZone', message: WRONG_TIME_ZONE }]),
  ...(from === to ? [{ path: 'window.to', message: 'must not be the same as window.from' }] : []),
];

const assertNamed = (definition: CampaignDefinition, limits: DefinitionLimits): void => {
  const named = Math.max(
    ...[definition.target, ...definition.batches.map(({ share }) => share)].map(devicesIn),
  );
  if (named > limits.devices)
    throw new AppError(
      'payload-too-large',
      `${named} devices are named; at most ${limits.devices} may be. A filter has no limit.`,
    );
};

const devicesIn = (named: StoredTarget | StoredBatch['share']): number =>
  'deviceIds' in named ? named.deviceIds.length : 0;
