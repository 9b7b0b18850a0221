import { AppError, type JsonValue } from '@muster/contracts';
import { wrongConfigurationKey, wrongConfigurationValue } from '@muster/contracts/configuration/values';
import { refuseFields } from './refuse-fields.js';

/** What a campaign writes and waits for, or a supervision watches: key → value. */
export interface ValueSets {
  readonly configurations: Readonly<Record<string, JsonValue>>;
  readonly expectedStates: Readonly<Record<string, JsonValue>>;
}

/**
 * Keys and values as `configuration` would refuse them of every device (`invalid-configuration`), and a set that is too large
 * (`configuration-too-large`). What no device can be asked for would keep others from being looked at as well: they are asked for
 * together.
 */
export const assertValueSets = ({ configurations, expectedStates }: ValueSets, mostBytes: number): void => {
  const faults = Object.entries({ configurations, expectedStates }).flatMap(([set, values]) =>
    Object.entries(values).flatMap(([key, value]) => {
      const isExpectedNull = set === 'expectedStates' && value === null;
      const message = isExpectedNull
        ? 'must not be null: a device reports no key with it'
        : (wrongConfigurationKey(key) ?? wrongConfigurationValue(value));
      return message === undefined ? [] : [{ path: `${set}.${storable(key)}`, message }];
    }),
  );
  refuseFields(faults, 'invalid-configuration');
  for (const [set, values] of Object.entries({ configurations, expectedStates })) {
    const bytes = Buffer.byteLength(JSON.stringify(values));
    if (bytes > mostBytes)
      throw new AppError(
        'configuration-too-large',
        `${set} has ${bytes} bytes as JSON; at most ${mostBytes} are allowed.`,
      );
  }
};

/** In a path, what an answer cannot hold is replaced. */
const storable = (text: string): string => text.replace(/\0|\p{Surrogate}/gu, '\ufffd');
