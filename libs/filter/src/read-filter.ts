import { dayOf, timeOf } from '@muster/contracts/times';
import { isKept } from '@muster/json';
import type { Condition, Field, FieldKind, Fields, Filter, Operand, Test } from './filter.js';
import { parse, written, type Comparison, type Expression, type Operator, type Value } from './parse.js';
import { quote, refusal } from './refusal.js';

/**
 * Reads a filter over `fields`; the grammar is at `parse`. Throws `invalid-filter`, which names the position, what was
 * found there and what was expected.
 */
export const readFilter = (text: string, fields: Fields): Filter => check(parse(text), fields);

const check = (expression: Expression, fields: Fields): Filter =>
  expression.kind === 'comparison'
    ? conditionOf(expression, fields)
    : { kind: expression.kind, operands: expression.operands.map((operand) => check(operand, fields)) };

const EQUALITY: readonly Operator[] = ['==', '!='];
const SETS: readonly Operator[] = ['in', 'out'];
const ORDERS: readonly Operator[] = ['<', '<=', '>', '>='];

const OPERATORS_OF: Readonly<Record<FieldKind, readonly Operator[]>> = {
  reference: [...EQUALITY, ...SETS],
  text: [...EQUALITY, ...ORDERS, ...SETS, 'exists'],
  path: [...EQUALITY, ...ORDERS, ...SETS, 'exists'],
  number: [...EQUALITY, ...ORDERS, ...SETS, 'exists'],
  time: [...EQUALITY, ...ORDERS, ...SETS, 'exists'],
  json: [...EQUALITY, ...ORDERS, ...SETS, 'exists'],
  boolean: [...EQUALITY, 'exists'],
  list: [...EQUALITY, ...SETS, 'exists'],
};

/** The operators of a field, as they are written; for the documentation too. */
export const operatorsOf = (field: Field): readonly string[] => allowed(field).map(written);

const allowed = (field: Field): readonly Operator[] =>
  OPERATORS_OF[field.kind].filter((operator) => field.values === undefined || !ORDERS.includes(operator));

const conditionOf = (comparison: Comparison, fields: Fields): Condition => {
  const { name, field, key } = target(comparison, fields);
  const { operator } = comparison;
  if (!allowed(field).includes(operator)) {
    const found = `${quote(written(operator))} with ${name}`;
    throw refusal(comparison.operatorAt, found, `one of ${operatorsOf(field).join(' ')}`);
  }
  const test = testOf(comparison, field);
  const negated =
    operator === '!=' || operator === 'out' || (operator === 'exists' && !isTrue(comparison.values));
  return { kind: 'condition', name, field, ...(key === undefined ? {} : { key }), negated, test };
};

const target = (
  { selector, at }: Comparison,
  fields: Fields,
): { readonly name: string; readonly field: Field; readonly key?: string } => {
  const whole = Object.hasOwn(fields, selector) ? fields[selector] : undefined;
  if (whole !== undefined && whole.kind !== 'json') return { name: selector, field: whole };
  const dot = selector.indexOf('.');
  const name = dot < 0 ? selector : selector.slice(0, dot);
  const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (field?.kind !== 'json')
    throw refusal(at, quote(selector), `a known field: ${namesOf(fields).join(', ')}`);
  const key = dot < 0 ? '' : selector.slice(dot + 1);
  if (key === '' || field.key?.rule.test(key) === false) {
    throw refusal(at, quote(selector), `${name}.<key>${field.key ? `, the key ${field.key.expected}` : ''}`);
  }
  return { name, field, key };
};

const namesOf = (fields: Fields): string[] =>
  Object.entries(fields).map(([name, { kind }]) => (kind === 'json' ? `${name}.<key>` : name));

const testOf = ({ operator, values }: Comparison, field: Field): Test => {
  switch (operator) {
    case 'exists':
      return { kind: 'exists' };
    case '==':
    case '!=':
    case 'in':
    case 'out':
      return { kind: 'equals', values: values.flatMap((value) => operandsOf(value, field)) };
    case '<':
    case '<=':
    case '>':
    case '>=':
      return { kind: 'order', order: operator, value: ordered(values, field, operator) };
  }
};

const isTrue = (values: readonly Value[]): boolean => {
  const value = one(values);
  const text = plain(value);
  if (text !== 'true' && text !== 'false') throw refusal(value.at, shown(value), 'true or false');
  return text === 'true';
};

const ordered = (values: readonly Value[], field: Field, operator: Operator): Operand => {
  const value = one(values);
  if (value.pieces.length > 1) {
    throw refusal(value.at, `the wildcard * in ${shown(value)}`, `a value without one after ${operator}`);
  }
  return operandOf(value, field);
};

/** The parser gives one value to every operator but `in` and `out`. */
const one = (values: readonly Value[]): Value => {
  const [value] = values;
  if (value === undefined) throw new Error('A comparison without a value was parsed.');
  return value;
};

const operandsOf = (value: Value, field: Field): Operand[] => {
  const operand = operandOf(value, field);
  const last = value.pieces.at(-1);
  const before = value.pieces.slice(0, -1);
  const folder = before.at(-1);
  // `/paris/*` is everything in /paris: below it, and directly there.
  if (field.kind !== 'path' || last !== '' || folder === undefined || !/.\/$|^\/$/.test(folder))
    return [operand];
  const itself = before.length === 1 && folder === '/' ? '/' : folder.slice(0, -1);
  return [operand, { kind: 'text', pieces: [...before.slice(0, -1), itself] }];
};

const operandOf = (value: Value, field: Field): Operand => {
  switch (field.kind) {
    case 'reference':
      if (plain(value) === undefined) return expect(value, 'a whole name, without *');
      return textOf(value, field);
    case 'text':
    case 'path':
    case 'list':
      return textOf(value, field);
    case 'number':
      return { kind: 'number', value: numberIn(value) ?? expect(value, 'a number such as 21.5') };
    case 'boolean': {
      const text = plain(value);
      if (text !== 'true' && text !== 'false') return expect(value, 'true or false');
      return { kind: 'boolean', value: text === 'true' };
    }
    case 'time':
      return { kind: 'time', at: timeIn(value) ?? expect(value, TIME) };
    case 'json':
      return jsonOf(value);
  }
};

const expect = (value: Value, expected: string): never => {
  throw refusal(value.at, shown(value), expected);
};

const textOf = (value: Value, field: Field): Operand => {
  const text = plain(value);
  if (text !== undefined && field.values?.includes(text) === false) {
    return expect(value, `one of ${field.values.join(', ')}`);
  }
  return { kind: 'text', pieces: value.pieces };
};

const jsonOf = (value: Value): Operand => {
  const text = plain(value);
  const scalar = value.quoted || text === undefined ? undefined : scalarOf(value, text);
  return { kind: 'json', pieces: value.pieces, ...(scalar === undefined ? {} : { scalar }) };
};

const scalarOf = (value: Value, text: string): number | boolean | null | undefined => {
  if (text === 'null') return null;
  if (text === 'true' || text === 'false') return text === 'true';
  return numberIn(value);
};

/** JSON's numbers, so that `007` and `0x10` stay texts. */
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

const numberIn = (value: Value): number | undefined => {
  const text = plain(value) ?? '';
  if (!NUMBER.test(text)) return undefined;
  // Rounded, it would find what equals another number.
  return isKept(text) ? Number(text) : expect(value, 'a number that a double holds, or text in quotes');
};

const TIME = 'a time such as 2026-11-01T00:00:00Z, with Z or an offset and at most milliseconds, or a date';
/** Of the years that PostgreSQL and JavaScript read alike. */
const TIME_RULE = /^((?:19|2\d)\d\d-\d\d-\d\d)(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d))?$/;

/** A date alone is its beginning in UTC. */
const timeIn = (value: Value): number | undefined => {
  const match = TIME_RULE.exec(plain(value) ?? '');
  if (match?.[1] === undefined) return undefined;
  return match[0] === match[1] ? dayOf(match[1]) : timeOf(match[0]);
};

/** Undefined where there is a wildcard. */
const plain = ({ pieces }: Value): string | undefined => (pieces.length === 1 ? pieces[0] : undefined);

const shown = ({ pieces }: Value): string => quote(pieces.join('*'));
