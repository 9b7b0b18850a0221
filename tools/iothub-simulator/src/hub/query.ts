import { HubError } from './hub-error.js';
import { isJsonObject, type Json, type JsonObject } from './json.js';
import { parseQuery, type Condition, type Literal } from './parse-query.js';

export interface QueryResult {
  readonly rows: readonly JsonObject[];
  /** `Twin` where whole twins were asked for, as the header `x-ms-item-type` says it. */
  readonly itemType: 'Twin' | 'Raw';
  /** Where the next page begins. Undefined: there is none. */
  readonly continuation?: string;
}

export interface Page {
  readonly maxRows: number;
  /** `continuation` of the page before. */
  readonly after?: string;
}

/**
 * Microsoft's query language over device twins, as far as: SELECT of `*`, of paths with AS, or of COUNT(); FROM devices; WHERE
 * with comparisons, AND, OR, NOT, IN, NIN, is_defined, startswith, endswith, contains. All else is ArgumentInvalid.
 */
export const runQuery = (text: string, twins: readonly JsonObject[], page: Page): QueryResult => {
  const query = parseQuery(text);
  const { select, where } = query;
  const found = twins.filter((twin) => where === undefined || holds(where, twin));
  if (select !== '*' && 'count' in select) {
    return { rows: [{ [select.count]: found.length }], itemType: 'Raw' };
  }
  // By device id, so that what is created or deleted between two pages makes none twice and none missing.
  const rest = found
    .filter((twin) => page.after === undefined || idOf(twin) > page.after)
    .sort((one, other) => (idOf(one) < idOf(other) ? -1 : 1));
  const rows = rest.slice(0, page.maxRows);
  const last = rows.at(-1);
  return {
    rows: select === '*' ? rows : rows.map((twin) => project(select.columns, twin)),
    itemType: select === '*' ? 'Twin' : 'Raw',
    ...(last !== undefined && rest.length > rows.length ? { continuation: idOf(last) } : {}),
  };
};

const idOf = (twin: JsonObject): string => twin['deviceId'] as string;

const project = (
  columns: readonly { readonly path: readonly string[]; readonly name: string }[],
  twin: JsonObject,
): JsonObject =>
  Object.fromEntries(
    columns.flatMap(({ path, name }) => {
      const value = at(twin, path);
      return value === undefined ? [] : [[name, value]];
    }),
  );

const holds = (condition: Condition, twin: JsonObject): boolean => {
  switch (condition.type) {
    case 'and':
      return condition.all.every((one) => holds(one, twin));
    case 'or':
      return condition.any.some((one) => holds(one, twin));
    case 'not':
      return !holds(condition.negated, twin);
    case 'defined':
      return at(twin, condition.path) !== undefined;
    case 'text': {
      const value = at(twin, condition.path);
      return typeof value === 'string' && TEXT[condition.function](value, condition.argument);
    }
    case 'in':
      return condition.values.some((value) => compare(at(twin, condition.path), '=', value));
    case 'compare':
      return compare(at(twin, condition.path), condition.operator, condition.value);
  }
};

const TEXT = {
  startswith: (value: string, part: string): boolean => value.startsWith(part),
  endswith: (value: string, part: string): boolean => value.endsWith(part),
  contains: (value: string, part: string): boolean => value.includes(part),
};

/** What is absent compares with nothing, also not with `!=`. */
const compare = (value: Json | undefined, operator: string, literal: Literal): boolean => {
  if (value === undefined) return false;
  if (operator === '=') return value === literal;
  if (operator === '!=' || operator === '<>') return value !== literal;
  if (typeof value !== typeof literal || value === null || literal === null) return false;
  if (operator === '<') return value < literal;
  if (operator === '<=') return value <= literal;
  if (operator === '>') return value > literal;
  if (operator === '>=') return value >= literal;
  throw new HubError('ArgumentInvalid', `The operator ${operator} is not known`);
};

const at = (twin: JsonObject, path: readonly string[]): Json | undefined => {
  let value: Json | undefined = twin;
  for (const key of path) value = isJsonObject(value) ? value[key] : undefined;
  return value;
};
