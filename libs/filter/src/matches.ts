import type { Condition, Filter, Operand, Order } from './filter.js';

/**
 * Whether the filter holds for `record`, whose members are called as the fields are. Null and undefined are no value;
 * times are ISO 8601 texts. The same answer as PostgreSQL gives to `toSql`.
 */
export const matches = (filter: Filter, record: Readonly<Record<string, unknown>>): boolean => {
  switch (filter.kind) {
    case 'and':
      return filter.operands.every((operand) => matches(operand, record));
    case 'or':
      return filter.operands.some((operand) => matches(operand, record));
    case 'condition':
      return holds(filter, valueOf(filter, record)) !== filter.negated;
  }
};

const valueOf = ({ name, key, field }: Condition, record: Readonly<Record<string, unknown>>): unknown => {
  const value = Object.hasOwn(record, name) ? record[name] : undefined;
  if (field.kind !== 'json') return value ?? undefined;
  if (typeof value !== 'object' || value === null || key === undefined) return undefined;
  return Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
};

/** Of `stored`, null is JSON's. */
const holds = ({ test, field }: Condition, stored: unknown): boolean => {
  if (stored === undefined) return false;
  switch (test.kind) {
    case 'exists':
      return field.kind !== 'list' || (Array.isArray(stored) && stored.length > 0);
    case 'equals':
      return test.values.some((value) => equals(value, stored));
    case 'order':
      return inOrder(test.order, compare(stored, test.value));
  }
};

const equals = (value: Operand, stored: unknown): boolean => {
  switch (value.kind) {
    case 'text':
      return Array.isArray(stored)
        ? stored.some((one) => fits(value.pieces, one))
        : fits(value.pieces, stored);
    case 'number':
    case 'boolean':
      return stored === value.value;
    case 'time':
      return timeOf(stored) === value.at;
    case 'json':
      return typeof stored === 'string' ? fits(value.pieces, stored) : stored === value.scalar;
  }
};

/** Pieces in order, the first at the beginning, the last at the end: linear, where a regular expression may not be. */
const fits = (pieces: readonly string[], stored: unknown): boolean => {
  if (typeof stored !== 'string') return false;
  const [first = '', ...others] = pieces;
  const last = others.pop();
  if (last === undefined) return stored === first;
  if (!stored.startsWith(first)) return false;
  let from = first.length;
  for (const piece of others) {
    const found = stored.indexOf(piece, from);
    if (found < 0) return false;
    from = found + piece.length;
  }
  return stored.length - last.length >= from && stored.endsWith(last);
};

/** Below, equal, above as -1, 0, 1; undefined where the two are not of one kind. */
const compare = (stored: unknown, value: Operand): number | undefined => {
  switch (value.kind) {
    case 'text':
      return typeof stored === 'string' ? compareTexts(stored, value.pieces[0] ?? '') : undefined;
    case 'number':
      return typeof stored === 'number' ? compareNumbers(stored, value.value) : undefined;
    case 'time': {
      const at = timeOf(stored);
      return at === undefined ? undefined : compareNumbers(at, value.at);
    }
    case 'json':
      if (typeof stored === 'string') return compareTexts(stored, value.pieces[0] ?? '');
      return typeof stored === 'number' && typeof value.scalar === 'number'
        ? compareNumbers(stored, value.scalar)
        : undefined;
    case 'boolean':
      return undefined;
  }
};

const inOrder = (order: Order, compared: number | undefined): boolean => {
  if (compared === undefined) return false;
  switch (order) {
    case '<':
      return compared < 0;
    case '<=':
      return compared <= 0;
    case '>':
      return compared > 0;
    case '>=':
      return compared >= 0;
  }
};

const compareNumbers = (a: number, b: number): number => (a < b ? -1 : a > b ? 1 : 0);

/** By code point, as PostgreSQL's collation "C" does; JavaScript's own `<` puts what is above U+FFFF before U+E000. */
const compareTexts = (a: string, b: string): number => {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const [x, y] = [rank(a.charCodeAt(i)), rank(b.charCodeAt(i))];
    if (x !== y) return x < y ? -1 : 1;
  }
  return compareNumbers(a.length, b.length);
};

const rank = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);

const timeOf = (stored: unknown): number | undefined =>
  typeof stored === 'string' ? Date.parse(stored) : undefined;
