import type { ConflictRow } from './conflict.js';

type Values = Readonly<Record<string, string>>;

/** What either side has changed. All three: name → value as it is shown; a name that is missing has none. */
export const conflictRows = (was: Values, theirs: Values, yours: Values): readonly ConflictRow[] =>
  [...new Set([...Object.keys(yours), ...Object.keys(theirs), ...Object.keys(was)])]
    .filter((name) => was[name] !== theirs[name] || was[name] !== yours[name])
    .map((name) => ({
      name,
      was: was[name] ?? '–',
      theirs: theirs[name] ?? '–',
      yours: yours[name] === was[name] ? 'as theirs' : (yours[name] ?? '–'),
    }));
