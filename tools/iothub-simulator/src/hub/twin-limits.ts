import { HubError } from './hub-error.js';
import { isJsonObject, type Json, type JsonObject } from './json.js';

/** Sizes in bytes as the hub counts them: keys and strings in UTF-8, 8 for a number, 4 for true and false. */
export interface TwinLimits {
  readonly desiredBytes: number;
  readonly reportedBytes: number;
  readonly tagsBytes: number;
  readonly keyBytes: number;
  readonly stringBytes: number;
  /** Objects within objects below `desired`, `reported` or `tags`. */
  readonly depth: number;
  readonly leastInteger: number;
  readonly greatestInteger: number;
}

export const TWIN_LIMITS: TwinLimits = {
  desiredBytes: 32_768,
  reportedBytes: 32_768,
  tagsBytes: 8_192,
  keyBytes: 1_024,
  stringBytes: 4_096,
  depth: 10,
  leastInteger: -4_503_599_627_370_496,
  greatestInteger: 4_503_599_627_370_495,
};

/** Control characters (C0, C1), point, dollar sign and space. */
// oxlint-disable-next-line no-control-regex
const FORBIDDEN_IN_KEYS = /[\u0000-\u001f\u007f-\u009f.$ ]/;

/** Throws ArgumentInvalid with the path of what breaks a rule. */
export const checkPatch = (patch: JsonObject, limits: TwinLimits, path: string): void =>
  checkObject(patch, limits, path, 1);

export const checkSize = (values: JsonObject, maxBytes: number, path: string): void => {
  const size = sizeOf(values);
  if (size > maxBytes) throw invalid(path, `has ${size} bytes, more than ${maxBytes}`);
};

export const sizeOf = (value: Json): number => {
  if (value === null) return 0;
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value === 'number') return 8;
  if (typeof value === 'boolean') return 4;
  if (!isJsonObject(value)) return value.reduce<number>((sum, item) => sum + sizeOf(item), 0);
  return Object.entries(value).reduce((sum, [key, item]) => sum + Buffer.byteLength(key) + sizeOf(item), 0);
};

const checkObject = (object: JsonObject, limits: TwinLimits, path: string, depth: number): void => {
  if (depth > limits.depth) throw invalid(path, `is nested deeper than ${limits.depth}`);
  for (const [key, value] of Object.entries(object)) {
    if (key === '') throw invalid(path, 'has an empty key');
    if (FORBIDDEN_IN_KEYS.test(key)) {
      throw invalid(`${path}.${key}`, 'has a control character, ".", "$" or a space in its key');
    }
    if (Buffer.byteLength(key) > limits.keyBytes) {
      throw invalid(path, `has a key of more than ${limits.keyBytes} bytes`);
    }
    checkValue(value, limits, `${path}.${key}`, depth);
  }
};

const checkValue = (value: Json, limits: TwinLimits, path: string, depth: number): void => {
  if (typeof value === 'string' && Buffer.byteLength(value) > limits.stringBytes) {
    throw invalid(path, `is a string of more than ${limits.stringBytes} bytes`);
  }
  if (
    typeof value === 'number' &&
    Number.isInteger(value) &&
    (value < limits.leastInteger || value > limits.greatestInteger)
  ) {
    throw invalid(path, `is an integer outside of ${limits.leastInteger} to ${limits.greatestInteger}`);
  }
  if (Array.isArray(value)) {
    for (const [index, item] of (value as readonly Json[]).entries()) {
      checkValue(item, limits, `${path}[${index}]`, depth + 1);
    }
  } else if (isJsonObject(value)) checkObject(value, limits, path, depth + 1);
};

const invalid = (path: string, rule: string): HubError => new HubError('ArgumentInvalid', `${path} ${rule}`);
