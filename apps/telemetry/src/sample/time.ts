export const DAY_MICROS = 86_400_000_000;

export const nowMicros = (): number => Date.now() * 1_000;

/** Whole days since 1970 in UTC. */
export const dayOf = (micros: number): number => Math.floor(micros / DAY_MICROS);

/** ISO 8601 in UTC with milliseconds, as everywhere in the API. */
export const isoMillis = (micros: number): string => new Date(Math.floor(micros / 1_000)).toISOString();

/** With microseconds: for PostgreSQL, and where the time is part of a sample's natural key. */
export const isoMicros = (micros: number): string =>
  isoMillis(micros).replace('Z', `${String(((micros % 1_000) + 1_000) % 1_000).padStart(3, '0')}Z`);

/** Of a time that a caller names. */
export const microsOf = (time: string | undefined): number | undefined =>
  time === undefined ? undefined : Date.parse(time) * 1_000;
