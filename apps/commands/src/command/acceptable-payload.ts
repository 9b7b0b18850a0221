import { AppError, type JsonValue } from '@muster/contracts';

/** Beyond this a value cannot be walked by recursion; devices have smaller stacks still. */
const MAX_DEPTH = 32;

/** U+0000 and lone surrogates cannot be stored: PostgreSQL refuses them in JSON. */
const UNSTORABLE = /\0|\p{Surrogate}/gu;

/**
 * Refuses a payload with `invalid-payload` (nested too deep) or `payload-too-large`; `bytes` are those of the JSON in
 * UTF-8. `undefined` is no payload.
 */
export const assertAcceptable = (name: string, value: JsonValue | undefined, bytes: number): void => {
  if (value === undefined) return;
  if (isTooDeep(value, 0)) {
    throw new AppError('invalid-payload', `${name} must not be nested deeper than ${MAX_DEPTH} levels.`);
  }
  const size = sizeOf(value);
  if (size > bytes) {
    throw new AppError('payload-too-large', `${name} has ${size} bytes; at most ${bytes} are allowed.`);
  }
};

/** Refuses with `invalid-payload` what an operator wrote and cannot be stored as it is. */
export const assertStorable = (name: string, value: JsonValue | undefined): void => {
  if (value !== undefined && holdsUnstorable(value)) {
    throw new AppError('invalid-payload', `${name} must not hold U+0000 or half of a surrogate pair.`);
  }
};

/** What a device says is not refused for a character that cannot be stored: the character is replaced. */
export const storable = (value: JsonValue): JsonValue => {
  if (typeof value === 'string') return storableText(value);
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(storable);
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [storableText(name), storable(one)]));
};

export const storableText = (text: string): string => text.replace(UNSTORABLE, '\ufffd');

export const sizeOf = (value: JsonValue): number => Buffer.byteLength(JSON.stringify(value));

const isTooDeep = (value: JsonValue, depth: number): boolean => {
  if (value === null || typeof value !== 'object') return false;
  return depth >= MAX_DEPTH || Object.values(value).some((inner) => isTooDeep(inner, depth + 1));
};

const holdsUnstorable = (value: JsonValue): boolean => {
  if (typeof value === 'string') return storableText(value) !== value;
  if (value === null || typeof value !== 'object') return false;
  if (Array.isArray(value)) return value.some(holdsUnstorable);
  return Object.entries(value).some(([name, one]) => holdsUnstorable(name) || holdsUnstorable(one));
};
