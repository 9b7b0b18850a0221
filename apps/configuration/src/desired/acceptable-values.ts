import {
  AppError,
  CONFIGURATION_KEY_RULE,
  CONFIGURATION_KEY_TEXT,
  type FieldError,
  type JsonObject,
  type JsonValue,
} from '@muster/contracts';
import { canonicalJson, sizeOf } from '../device-configuration/config-id.js';

export interface Limits {
  /** Bytes of the whole document as canonical JSON in UTF-8. */
  readonly documentBytes: number;
  /** Bytes of one key's value, likewise. */
  readonly valueBytes: number;
  readonly keys: number;
}

/** Beyond this a value cannot be walked by recursion; devices have smaller stacks still. */
const MAX_DEPTH = 32;

/** The replies of kp1. */
const RESERVED_KEYS = ['status', 'error'];

/** U+0000 and lone surrogates cannot be stored: PostgreSQL refuses them in JSON. */
const UNSTORABLE = /\0|\p{Surrogate}/u;

/**
 * Where values are: what an operator wants, what a device says, what a device type or app version
 * gives or declares.
 */
export type Side = 'desired' | 'reported' | 'keys' | `${string}defaults`;

/** Refuses keys and values of a change with `invalid-configuration`, every fault with its path. */
export const assertAcceptable = (values: JsonObject, side: Side): void => {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(values)) {
    const fault = faultOfKey(key) ?? faultOf(value, 0);
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

/** What a device says of itself is not refused for a character that cannot be stored: the character is replaced. */
export const storable = (text: string): string => text.replace(/\0|\p{Surrogate}/gu, '\ufffd');

const faultOfKey = (key: string): string | undefined => {
  if (RESERVED_KEYS.includes(key)) return 'is a reserved name';
  if (!CONFIGURATION_KEY_RULE.test(key)) return CONFIGURATION_KEY_TEXT;
  return UNSTORABLE.test(key) ? HOLDS_UNSTORABLE : undefined;
};

const faultOf = (value: JsonValue, depth: number): string | undefined => {
  if (depth > MAX_DEPTH) return `must not be nested deeper than ${MAX_DEPTH} levels`;
  if (typeof value === 'string') return UNSTORABLE.test(value) ? HOLDS_UNSTORABLE : undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'must be a finite number';
  if (value === null || typeof value !== 'object') return undefined;
  for (const [name, inner] of Object.entries(value)) {
    const fault = UNSTORABLE.test(name) ? HOLDS_UNSTORABLE : faultOf(inner, depth + 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
};

const HOLDS_UNSTORABLE = 'must not hold U+0000 or half of a surrogate pair';

const tooLarge = (detail: string): never => {
  throw new AppError('configuration-too-large', detail);
};
