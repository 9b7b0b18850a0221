import type { Condition, Filter, Operand, Order } from './filter.js';

/** Takes a value as a parameter of the statement and returns how it is referred to: `$3`. */
export type Bind = (value: unknown) => string;

/**
 * The filter as a condition in PostgreSQL's SQL, for a WHERE clause: true exactly where `matches` is, false or null
 * elsewhere. All that comes from the request goes through `bind`.
 *
 * Equality is written so that indexes serve it: `=`, LIKE with a fixed beginning, `@>` and `&&` on lists, `@>` on jsonb
 * (one per value: `@> ANY` would not use a GIN index). The statement must be planned with its values, so not be a named one.
 */
export const toSql = (filter: Filter, bind: Bind): string => {
  if (filter.kind !== 'condition')
    return any(
      filter.operands.map((operand) => toSql(operand, bind)),
      filter.kind,
    );
  const positive = positiveSql(filter, bind);
  return filter.negated ? `(${positive}) IS NOT TRUE` : positive;
};

const any = (alternatives: readonly string[], word: 'and' | 'or' = 'or'): string => {
  const [first = 'FALSE'] = alternatives;
  return alternatives.length < 2 ? first : `(${alternatives.join(` ${word.toUpperCase()} `)})`;
};

const positiveSql = (condition: Condition, bind: Bind): string => {
  const { test } = condition;
  switch (test.kind) {
    case 'exists':
      return existsSql(condition, bind);
    case 'equals':
      return equalsSql(condition, test.values, bind);
    case 'order':
      return orderSql(condition, test.order, test.value, bind);
  }
};

const existsSql = ({ field, key = '' }: Condition, bind: Bind): string => {
  if (field.kind === 'json') return `${field.column} ? ${bind(key)}::text`;
  return field.kind === 'list' ? `cardinality(${field.column}) > 0` : `${field.column} IS NOT NULL`;
};

const equalsSql = (condition: Condition, values: readonly Operand[], bind: Bind): string => {
  const { column, kind } = condition.field;
  const texts: string[] = [];
  const numbers: number[] = [];
  const alternatives = values.flatMap((value): string[] => {
    switch (value.kind) {
      case 'text': {
        const [text] = value.pieces;
        if (value.pieces.length === 1 && text !== undefined) texts.push(text);
        else if (kind === 'list')
          return [`EXISTS (SELECT FROM unnest(${column}) AS one WHERE one LIKE ${bind(like(value.pieces))})`];
        else return [`${column} LIKE ${bind(like(value.pieces))}`];
        return [];
      }
      case 'number':
        numbers.push(value.value);
        return [];
      case 'boolean':
        return [`${column} = ${bind(value.value)}::boolean`];
      case 'time':
        return [`(${column} >= ${time(value.at, bind)} AND ${column} < ${time(value.at + 1, bind)})`];
      case 'json':
        return jsonEquals(condition, value, bind);
    }
  });
  if (numbers.length > 0) alternatives.push(`${column} = ANY(${bind(numbers)}::double precision[])`);
  if (texts.length > 0) {
    alternatives.push(
      kind === 'list' ? `${column} && ${bind(texts)}::text[]` : `${column} = ANY(${bind(texts)}::text[])`,
    );
  }
  return any(alternatives);
};

const jsonEquals = (
  { field: { column }, key = '' }: Condition,
  { pieces, scalar }: Operand & { readonly kind: 'json' },
  bind: Bind,
): string[] => {
  if (pieces.length > 1) {
    const member = bind(key);
    return [
      `(jsonb_typeof(${column} -> ${member}::text) = 'string' AND ${column} ->> ${member}::text LIKE ${bind(like(pieces))})`,
    ];
  }
  const holds = (value: unknown): string => `${column} @> ${bind(JSON.stringify({ [key]: value }))}::jsonb`;
  return scalar === undefined ? [holds(pieces[0])] : [holds(pieces[0]), holds(scalar)];
};

const orderSql = (
  { field: { column }, key = '' }: Condition,
  order: Order,
  value: Operand,
  bind: Bind,
): string => {
  switch (value.kind) {
    case 'text':
      return `${column} COLLATE "C" ${order} ${bind(value.pieces[0])}`;
    case 'number':
      return `${column} ${order} ${bind(value.value)}::double precision`;
    case 'time':
      return timeOrder(column, order, value.at, bind);
    case 'json': {
      const member = `${bind(key)}::text`;
      const text = `(jsonb_typeof(${column} -> ${member}) = 'string' AND (${column} ->> ${member}) COLLATE "C" ${order} ${bind(value.pieces[0])})`;
      if (typeof value.scalar !== 'number') return text;
      // Numbers are compared as jsonb and not after a cast, which could be run before the kind is known to be right.
      const number = `(jsonb_typeof(${column} -> ${member}) = 'number' AND ${column} -> ${member} ${order} ${bind(JSON.stringify(value.scalar))}::jsonb)`;
      return any([text, number]);
    }
    case 'boolean':
      throw new Error('Booleans have no order.');
  }
};

/** A stored time with microseconds belongs to the millisecond in which it is shown. */
const timeOrder = (column: string, order: Order, at: number, bind: Bind): string => {
  switch (order) {
    case '<':
    case '>=':
      return `${column} ${order} ${time(at, bind)}`;
    case '<=':
      return `${column} < ${time(at + 1, bind)}`;
    case '>':
      return `${column} >= ${time(at + 1, bind)}`;
  }
};

const time = (at: number, bind: Bind): string => `${bind(new Date(at).toISOString())}::timestamptz`;

const like = (pieces: readonly string[]): string =>
  pieces.map((piece) => piece.replace(/[\\%_]/g, '\\$&')).join('%');
