/**
 * `2026-01-31T12:00:00Z`: ISO 8601 with `Z` or an offset, because without one it would be read in the zone of whichever server
 * reads it; of the years that PostgreSQL and JavaScript read alike.
 */
const TIME_RULE =
  /^((?:19|2\d)\d\d-\d\d-\d\d)T(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/** Unix milliseconds; undefined: no time, or none that exists (`2026-02-30T00:00:00Z`). Digits below a millisecond are cut. */
export const timeOf = (text: string): number | undefined => {
  const day = TIME_RULE.exec(text)?.[1];
  return day === undefined || dayOf(day) === undefined ? undefined : Date.parse(text);
};

/** Of `2026-01-31`, its beginning in UTC; undefined: there is no such day. `Date.parse` takes 30 February for 2 March. */
export const dayOf = (text: string): number | undefined => {
  const at = Date.parse(`${text}T00:00:00Z`);
  return Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== text ? undefined : at;
};

/** As it follows the name of its field. */
export const WRONG_TIME =
  'must be an ISO 8601 time that exists, with Z or an offset (in a query, + is %2B), such as 2026-01-31T12:00:00Z';

/** Of the IANA database. An offset is none: it has no summer time, which whoever writes one may not have meant. */
export const isTimeZone = (name: string): boolean => {
  if (!/^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+)*$/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
};

export const WRONG_TIME_ZONE = 'must be a time zone of the IANA database, such as Europe/Paris';
