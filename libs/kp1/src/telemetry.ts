import { assertName } from './names.js';
import { isKept, kindOf, numberFault, type Json } from '@muster/json';
import { parseJson, parseText, PayloadError } from './payload.js';
import { parseTimestamp, valueAt } from './timestamp.js';

export interface TelemetrySample {
  /** The device's own time, Unix microseconds; null: it gave none. */
  readonly at: number | null;
  readonly data: Json;
}

/**
 * 2/DCP: an array with a sample per element, or one bare object. `timestampPath` is the device type's setting; a field that is
 * the time is no value of the sample. An empty array is fine and holds nothing. 2/DCP lets an element be any JSON; one that has
 * no field is refused all the same, because no query could ever answer it. Throws `PayloadError`; the whole message is one
 * unit (2/DCP: one status for the batch).
 */
export const decodeTelemetry = (payload: Uint8Array, timestampPath = 'ts'): readonly TelemetrySample[] => {
  const value = parseJson(payload);
  const path = timestampPath.split('.');
  if (Array.isArray(value))
    return value.map((data, index) => toSample(data, path, `[${index}]`, `[${index}].${timestampPath}`));
  if (typeof value === 'object' && value !== null) return [toSample(value, path, 'payload', timestampPath)];
  throw new PayloadError(`payload must be an object or an array, is ${kindOf(value)}`);
};

/** A unit follows its number directly and begins with a letter or a sign; `12:30`, `2026-01-01` and `1.2.3` are text. */
const QUANTITY = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)((?:\p{L}|[%°$€£µ])[^\s\p{C}]{0,31})?$/u;

/**
 * Kaa's DCX, plain: `200`, `47%`, `20m`. The fields are `{metric}-value` and `{metric}-unit`, "number" when there is none;
 * anything else is kept as the text it is. White space around it does not count. Throws `PayloadError`.
 */
export const decodePlainTelemetry = (metric: string, payload: Uint8Array): TelemetrySample => {
  assertName('metric', metric);
  const text = parseText(payload);
  const quantity = QUANTITY.exec(text);
  if (quantity === null) return { at: null, data: { [`${metric}-value`]: text } };
  const [, written = ''] = quantity;
  if (!isKept(written)) throw new PayloadError(`payload ${numberFault(written)}`);
  const value = Number(written);
  return { at: null, data: { [`${metric}-value`]: value, [`${metric}-unit`]: quantity[2] ?? 'number' } };
};

const toSample = (data: Json, path: readonly string[], name: string, field: string): TelemetrySample => {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw new PayloadError(`${name} must be an object, is ${kindOf(data)}`);
  }
  const time = valueAt(data, path);
  // Clients fill a missing clock with null.
  const at = time === undefined || time === null ? null : parseTimestamp(time, field);
  const [only, ...others] = path;
  const values = only !== undefined && others.length === 0 ? without(data, only) : data;
  if (Object.keys(values).length === 0) {
    throw new PayloadError(`${name} must have a field besides ${path.join('.')}`);
  }
  return { at, data: values };
};

const without = (data: { readonly [key: string]: Json }, key: string): { [key: string]: Json } =>
  Object.fromEntries(Object.entries(data).filter(([name]) => name !== key));
