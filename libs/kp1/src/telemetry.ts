import { assertName } from './names.js';
import { isKept, kindOf, numberFault, type Json } from '@muster/json';
import { parseJson, parseText, PayloadError } from './payload.js';
import { parseTimestamp, valueAt, type TimeUnit } from './timestamp.js';

export interface TelemetrySample {
  /** The device's own time, Unix microseconds; null: it gave none. */
  readonly at: number | null;
  readonly data: Json;
}

/** How the times of samples are read: settings of the device type. */
export interface SampleTimes {
  /** Default: `ts`. */
  readonly path?: string | undefined;
  /** Of a number. Default: milliseconds. */
  readonly unit?: TimeUnit | undefined;
  /**
   * What to make of a sample's own time, which is at `field` (`ts`, `[2].meta.time`): the time it has, null for that of its
   * arrival, undefined to leave the sample out; or throws. Default: the time is taken as it is.
   */
  readonly judge?: ((at: number, field: string) => number | null | undefined) | undefined;
}

/**
 * 2/DCP: an array with a sample per element, or one bare object. A field that is
 * the time is no value of the sample. An empty array is fine and holds nothing. 2/DCP lets an element be any JSON; one that has
 * no field is refused all the same, because no query could ever answer it. Throws `PayloadError`; the whole message is one
 * unit (2/DCP: one status for the batch). How old or how far ahead a time may be is the judge's matter.
 */
export const decodeTelemetry = (payload: Uint8Array, times: SampleTimes = {}): readonly TelemetrySample[] => {
  const value = parseJson(payload);
  const { path = 'ts' } = times;
  if (Array.isArray(value))
    return value.flatMap((data, index) => toSamples(data, times, `[${index}]`, `[${index}].${path}`));
  if (typeof value === 'object' && value !== null) return toSamples(value, times, 'payload', path);
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

/** One, or none where its time is judged so. */
const toSamples = (
  data: Json,
  { path = 'ts', unit, judge = asItIs }: SampleTimes,
  name: string,
  field: string,
): readonly TelemetrySample[] => {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw new PayloadError(`${name} must be an object, is ${kindOf(data)}`);
  }
  const levels = path.split('.');
  const time = valueAt(data, levels);
  const values = levels.length === 1 ? without(data, path) : data;
  if (Object.keys(values).length === 0) throw new PayloadError(`${name} must have a field besides ${path}`);
  // Clients fill a missing clock with null.
  if (time === undefined || time === null) return [{ at: null, data: values }];
  const at = judge(parseTimestamp(time, field, unit), field);
  return at === undefined ? [] : [{ at, data: values }];
};

const asItIs = (at: number): number => at;

const without = (data: { readonly [key: string]: Json }, key: string): { [key: string]: Json } =>
  Object.fromEntries(Object.entries(data).filter(([name]) => name !== key));
