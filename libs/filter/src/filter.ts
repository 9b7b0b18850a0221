/** What a service declares of a field that can be filtered by. */
export interface Field {
  readonly kind: FieldKind;
  /** The SQL expression of the value; part of the statement as it is, so never made from what a request says. */
  readonly column: string;
  /** Text only: all the values there can be, so that a mistyped one is refused and does not match nothing. */
  readonly values?: readonly string[];
  /** JSON only: what a key must look like. */
  readonly key?: { readonly rule: RegExp; readonly expected: string };
}

/**
 * `path` is a text in which `/a/*` also means `/a`; `list` a list of texts; `json` an object whose members are compared,
 * each by the kind it has; `reference` the name of something that stands for another filter, which must be put in its
 * place before the filter is used.
 */
export type FieldKind = 'reference' | 'text' | 'path' | 'number' | 'boolean' | 'time' | 'list' | 'json';

/** By the name that is written in filters. */
export type Fields = Readonly<Record<string, Field>>;

/** A filter whose fields are known and whose values are of the right kind. */
export type Filter = FilterGroup | Condition;

export interface FilterGroup {
  readonly kind: 'and' | 'or';
  readonly operands: readonly Filter[];
}

export interface Condition {
  readonly kind: 'condition';
  readonly name: string;
  readonly field: Field;
  /** The member, of a JSON field. */
  readonly key?: string;
  /** The complement: true wherever the test is not true, also where there is no value. */
  readonly negated: boolean;
  readonly test: Test;
}

export type Test =
  | { readonly kind: 'exists' }
  /** Equal to one of them. */
  | { readonly kind: 'equals'; readonly values: readonly Operand[] }
  | { readonly kind: 'order'; readonly order: Order; readonly value: Operand };

export type Order = '<' | '<=' | '>' | '>=';

export type Operand =
  /** Text between wildcards; one piece where there is none. */
  | { readonly kind: 'text'; readonly pieces: readonly string[] }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'boolean'; readonly value: boolean }
  /** Milliseconds since 1970; stands for the whole millisecond, since times are shown so. */
  | { readonly kind: 'time'; readonly at: number }
  /** `scalar`: what the text means where it is not quoted and where a number, a boolean or null is stored. */
  | { readonly kind: 'json'; readonly pieces: readonly string[]; readonly scalar?: number | boolean | null };

/** The same filter with every condition replaced by what `replace` makes of it. */
export const mapConditions = (filter: Filter, replace: (condition: Condition) => Filter): Filter =>
  filter.kind === 'condition'
    ? replace(filter)
    : { ...filter, operands: filter.operands.map((operand) => mapConditions(operand, replace)) };
