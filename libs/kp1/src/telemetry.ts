import { kindOf, parseJson, PayloadError, type Json } from './payload.js';
import { parseTimestamp, valueAt } from './timestamp.js';

export interface TelemetrySample {
  /** The device's own time, Unix microseconds; null: it gave none. */
  readonly at: number | null;
  readonly data: Json;
}

/**
 * 2/DCP: an array with one sample of any JSON type per element, or one bare object. `timestampPath` is the device type's
 * setting. An empty array is fine and holds nothing. An element that is no object has no fields, so no time either.
 * Throws `PayloadError`; the whole message is one unit (2/DCP: one status for the batch).
 */
export const decodeTelemetry = (payload: Uint8Array, timestampPath = 'ts'): readonly TelemetrySample[] => {
  const value = parseJson(payload);
  const path = timestampPath.split('.');
  if (Array.isArray(value))
    return value.map((data, index) => toSample(data, path, `[${index}].${timestampPath}`));
  if (typeof value === 'object' && value !== null) return [toSample(value, path, timestampPath)];
  throw new PayloadError(`payload must be an object or an array, is ${kindOf(value)}`);
};

const toSample = (data: Json, path: readonly string[], field: string): TelemetrySample => {
  const time = valueAt(data, path);
  // Clients fill a missing clock with null.
  return { at: time === undefined || time === null ? null : parseTimestamp(time, field), data };
};
