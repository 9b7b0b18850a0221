import type { JsonObject, JsonValue } from '../fields.js';

/** What keys of twins may not hold, and `%`, by which it is written instead. */
const FORBIDDEN = /[.$#%\s\p{Cc}]/gu;

/** A key as a twin takes it: `a.b` is `a%2Eb`. Every key has one of its own, and comes back as it was. */
export const twinKey = (key: string): string => key.replaceAll(FORBIDDEN, (one) => encoded(one));

export const keyOfTwin = (key: string): string => {
  try {
    return decodeURIComponent(key.replaceAll(/%(?![0-9A-F]{2})/g, '%25'));
  } catch {
    // What the device has written by itself, and meant so.
    return key;
  }
};

/** The same for all keys within. */
export const mapKeys = (value: JsonValue, by: (key: string) => string): JsonValue => {
  if (Array.isArray(value)) return value.map((one) => mapKeys(one, by));
  if (typeof value !== 'object' || value === null) return value;
  return mapObject(value, by);
};

export const mapObject = (value: JsonObject, by: (key: string) => string): JsonObject =>
  Object.fromEntries(Object.entries(value).map(([key, one]) => [by(key), mapKeys(one, by)]));

/** Its UTF-8 bytes; `encodeURIComponent` leaves the point alone. */
const encoded = (character: string): string =>
  [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
