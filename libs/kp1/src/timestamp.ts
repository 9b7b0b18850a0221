import { kindOf, type Json } from '@muster/json';
import { PayloadError } from './payload.js';

/** 2/DCP's own examples write the offset without a colon, which strict ISO 8601 readers refuse. */
const ISO_8601 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?:([Zz])|([+-])(\d{2})(?::?(\d{2}))?)$/;

export type TimeUnit = 'milliseconds' | 'seconds';

const MICROS: Readonly<Record<TimeUnit, number>> = { milliseconds: 1_000, seconds: 1_000_000 };

/**
 * A sample's own time as Unix microseconds. Text is ISO 8601 with `Z` or an offset (a time without one could be off by
 * a day and nobody would notice); a number is Unix time in `unit`, fractions allowed. Digits below a microsecond are cut.
 * Throws `PayloadError` that names `field`. How old or how far ahead a time may be is the store's rule.
 */
export const parseTimestamp = (value: Json, field: string, unit: TimeUnit = 'milliseconds'): number => {
  if (typeof value === 'number') {
    const micros = Math.round(value * MICROS[unit]);
    if (!Number.isSafeInteger(micros)) {
      throw new PayloadError(`${field} must be Unix time in ${unit}, is a number out of range`);
    }
    return micros;
  }
  if (typeof value !== 'string') {
    throw new PayloadError(`${field} must be ISO 8601 text or Unix ${unit}, is ${kindOf(value)}`);
  }
  const micros = parseIso(value);
  if (micros === undefined) {
    throw new PayloadError(
      `${field} must be an ISO 8601 time with Z or an offset such as 2019-04-26T15:41:07+0000, is other text`,
    );
  }
  return micros;
};

const parseIso = (text: string): number | undefined => {
  const parts = ISO_8601.exec(text);
  if (parts === null) return undefined;
  const [
    ,
    year,
    month,
    day,
    hour,
    minute,
    second = '0',
    fraction = '',
    ,
    sign,
    offsetHours = '0',
    offsetMinutes = '0',
  ] = parts;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  if (Number(offsetHours) > 23 || Number(offsetMinutes) > 59) return undefined;
  const date = new Date(0);
  // Not Date.UTC: it takes the years 0–99 for 1900–1999.
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return undefined; // 30 February
  date.setUTCHours(Number(hour), Number(minute), Number(second), 0);
  const offset = (Number(offsetHours) * 60 + Number(offsetMinutes)) * 60_000 * (sign === '-' ? -1 : 1);
  const micros = (date.getTime() - offset) * 1000 + Number(fraction.padEnd(6, '0').slice(0, 6));
  return Number.isSafeInteger(micros) ? micros : undefined;
};

/** The value at a dotted path (`ts`, `meta.time`); undefined: not there. Only objects are entered, only own fields read. */
export const valueAt = (sample: Json, path: readonly string[]): Json | undefined => {
  let value: Json | undefined = sample;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, key)) {
      return undefined;
    }
    value = value[key];
  }
  return value;
};
