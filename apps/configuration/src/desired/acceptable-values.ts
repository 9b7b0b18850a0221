import { AppError, type FieldError, type JsonObject } from '@muster/contracts';
import { wrongConfigurationKey, wrongConfigurationValue } from '@muster/contracts/configuration/values';
import { wrongForHubDevice } from '@muster/contracts/iothub-adapter/twin-limits';
import { canonicalJson } from '@muster/contracts/canonical-json';
import { sizeOf } from '../device-configuration/config-id.js';

export interface Limits {
  /** Bytes of the whole document as canonical JSON in UTF-8. */
  readonly documentBytes: number;
  /** Bytes of one key's value, likewise. */
  readonly valueBytes: number;
  readonly keys: number;
}

/**
 * Where values are: what an operator wants, what a device says, what a device type or app version
 * gives or declares.
 */
export type Side = 'desired' | 'reported' | 'keys' | `${string}defaults`;

/** Refuses keys and values of a change with `invalid-configuration`, every fault with its path. */
export const assertAcceptable = (values: JsonObject, side: Side): void => {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(values)) {
    const fault = wrongConfigurationKey(key) ?? wrongConfigurationValue(value);
    if (fault !== undefined) errors.push({ path: `${side}.${storable(key)}`, message: fault });
  }
  if (errors.length > 0) {
    throw new AppError('invalid-configuration', errors.map((e) => `${e.path} ${e.message}`).join('; '), {
      errors,
    });
  }
};

const WHOLE: Partial<Record<Side, string>> = { desired: 'The document', reported: 'The reported state' };

/**
 * Refuses the document of a side with `configuration-too-large` when it is over a limit, or the value of one of the
 * `changed` keys is: others may be from before the limit. `canonical`: the document's, where it is made already.
 */
export const assertWithinLimits = (
  document: JsonObject,
  limits: Limits,
  side: Side,
  changed: readonly string[],
  canonical = canonicalJson(document),
): void => {
  const what = WHOLE[side] ?? `The document of ${side}`;
  const keys = Object.keys(document).length;
  if (keys > limits.keys) tooLarge(`${what} would have ${keys} keys; at most ${limits.keys} are allowed.`);
  const values = new Map(Object.entries(document));
  for (const key of changed) {
    const bytes = sizeOf(values.get(key) ?? null);
    if (bytes > limits.valueBytes)
      tooLarge(`${side}.${key} would be ${bytes} bytes; at most ${limits.valueBytes} are allowed for a key.`);
  }
  const bytes = Buffer.byteLength(canonical);
  if (bytes > limits.documentBytes)
    tooLarge(`${what} would be ${bytes} bytes; at most ${limits.documentBytes} are allowed.`);
};

/** Refuses with `configuration-too-large` what the twin of a device in an IoT Hub could not hold. */
export const assertFitsTwin = (document: JsonObject, changed: readonly string[]): void => {
  const wrong = wrongForHubDevice(document, changed);
  if (wrong !== undefined) tooLarge(`The twin of the device in its IoT Hub cannot hold it: ${wrong}.`);
};

/** What a device says of itself is not refused for a character that cannot be stored: the character is replaced. */
export const storable = (text: string): string => text.replace(/\0|\p{Surrogate}/gu, '\ufffd');

const tooLarge = (detail: string): never => {
  throw new AppError('configuration-too-large', detail);
};
