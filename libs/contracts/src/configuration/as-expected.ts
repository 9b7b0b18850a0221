import type { JsonValue } from '../fields.js';
import { sameJson } from '../same-json.js';
import type { DeviceState, ReportedValue } from './campaign.requests.js';
import type { ExpectedFrom } from './expected-from.js';

/** What a campaign or a supervision wants of a device. */
export interface Expectation {
  /** Key → desired value; null: none of its own. */
  readonly configurations: Readonly<Record<string, JsonValue>>;
  /** Empty: every value of `configurations` must be reported. */
  readonly expectedStates: Readonly<Record<string, JsonValue>>;
  /** `stated`: what is only known because a document was applied does not count. */
  readonly expectedFrom: ExpectedFrom;
}

type Values = Pick<DeviceState, 'desired' | 'reported'>;

/**
 * Whether a device has all of it: a launch passes over those that do, and a supervision calls them valid. Nothing of it is
 * missing, and the device has not refused the document that it has now.
 */
export const isAsExpected = (
  expectation: Expectation,
  { ended, confirmed, ...values }: Pick<DeviceState, 'ended' | 'confirmed'> & Values,
): boolean =>
  !ended &&
  keysNotDesired(expectation, values).length === 0 &&
  !(confirmed?.rejection !== undefined && Object.keys(expectation.configurations).length > 0) &&
  statesOf(expectation, values).every(({ met }) => met);

/**
 * Keys of the configuration whose desired value is another one. The value in effect counts, whoever it comes from: a device
 * whose document says what it should is as it should be. Null asks that there is none of its own; a default may stand.
 */
export const keysNotDesired = (
  { configurations }: Pick<Expectation, 'configurations'>,
  { desired }: Pick<DeviceState, 'desired'>,
): string[] =>
  Object.entries(configurations)
    .filter(([key, value]) => {
      const entry = entryOf(desired, key);
      if (value === null) return entry?.origin === 'device';
      return entry === undefined || !sameJson(entry.value, value);
    })
    .map(([key]) => key);

/** An expected value, and what is known of it. */
export interface ExpectedState {
  readonly key: string;
  readonly expected: JsonValue;
  readonly actual: ReportedValue | undefined;
  readonly met: boolean;
  readonly by: 'stated' | 'applied';
}

/**
 * How the expected values stand. A key that the device has ever said itself, it must have said since the desired values
 * were written: `applied` names the values of a document, which a device that must restart into them does not have yet.
 */
export const statesOf = (expectation: Expectation, state: Values): ExpectedState[] => {
  const writtenAt = writtenAtOf(expectation.configurations, state);
  return Object.entries(reportedOf(expectation)).map(([key, expected]) => {
    const actual = entryOf(state.reported, key);
    const by = isStatedSince(actual, writtenAt) ? 'stated' : 'applied';
    const isKnown = by === 'stated' || (expectation.expectedFrom === 'any' && actual?.statedAt === undefined);
    return {
      key,
      expected,
      actual,
      by,
      met: isKnown && actual !== undefined && sameJson(actual.value, expected),
    };
  });
};

/** Key → value that must be reported. */
export const reportedOf = ({
  configurations,
  expectedStates,
}: Pick<Expectation, 'configurations' | 'expectedStates'>): Record<string, JsonValue> =>
  Object.keys(expectedStates).length > 0
    ? expectedStates
    : Object.fromEntries(Object.entries(configurations).filter(([, value]) => value !== null));

/** When the last of the desired values came to be what it is; "" where there are none. */
const writtenAtOf = (
  configurations: Expectation['configurations'],
  { desired }: Pick<DeviceState, 'desired'>,
): string =>
  Object.keys(configurations)
    .map((key) => entryOf(desired, key)?.at ?? '')
    .reduce((latest, at) => (at > latest ? at : latest), '');

const isStatedSince = (reported: ReportedValue | undefined, at: string): boolean =>
  reported?.statedAt !== undefined && reported.statedAt >= reported.at && reported.statedAt >= at;

export const entryOf = <Entry>(entries: Readonly<Record<string, Entry>>, key: string): Entry | undefined =>
  Object.hasOwn(entries, key) ? entries[key] : undefined;
