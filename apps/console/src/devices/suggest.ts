import { endOfQuote, keyText, valueText } from './filter-text.js';

/** What there is to filter by, as `GET /filters/fields` says; `metadata.<key>` and its like with the keys that devices have. */
export interface KnownField {
  readonly name: string;
  readonly operators: readonly string[];
  readonly values?: readonly string[];
  readonly keys?: readonly string[];
}

/** What can come at the caret, and which part of the text it takes the place of. */
export type Place =
  | { readonly kind: 'field'; readonly from: number; readonly to: number; readonly typed: string }
  | {
      readonly kind: 'operator';
      readonly from: number;
      readonly to: number;
      readonly typed: string;
      readonly field: string;
    }
  | {
      readonly kind: 'value';
      readonly from: number;
      readonly to: number;
      readonly typed: string;
      readonly field: string;
    };

export interface Suggestion {
  readonly text: string;
  readonly shown: string;
  readonly beside?: string;
}

const COMPARISON =
  /^\s*([^"'();,=!~<>\s]*(?:(?<=\.)(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?))?)(\s*)(==|!=|<=|>=|=[a-z]+=|<|>|[=!][a-z]*)?(.*)$/s;

/** Where in the grammar the caret is. */
export const placeAt = (text: string, caret: number): Place => {
  const before = text.slice(0, caret);
  const { start, listStart } = comparisonStart(before);
  const segment = before.slice(start);
  const [, selector = '', space = '', operator = '', rest = ''] = COMPARISON.exec(segment) ?? [];
  const lead = segment.length - segment.trimStart().length;
  if (operator === '' && rest === '' && space === '') {
    return { kind: 'field', from: start + lead, to: caret, typed: selector };
  }
  const operatorFrom = start + lead + selector.length + space.length;
  const complete = /^(==|!=|<=|>=|=[a-z]+=|<|>)$/.test(operator);
  if (!complete) return { kind: 'operator', from: operatorFrom, to: caret, typed: operator, field: selector };
  const valueFrom = listStart ?? operatorFrom + operator.length;
  const typed = before.slice(valueFrom);
  const skipped = typed.length - typed.trimStart().length;
  return {
    kind: 'value',
    from: valueFrom + skipped,
    to: caret,
    typed: typed.trimStart().replace(/^["']/, ''),
    field: selector,
  };
};

/** Fields and operators are known here; values are asked for, but those of a field that has only some. */
export const suggestionsFor = (place: Place, fields: readonly KnownField[]): readonly Suggestion[] => {
  if (place.kind === 'field') {
    const names = fields.flatMap(namesOf);
    const begun = names.filter((name) => name.toLowerCase().startsWith(place.typed.toLowerCase()));
    const within = names.filter(
      (name) => !begun.includes(name) && name.toLowerCase().includes(place.typed.toLowerCase()),
    );
    const all = [...begun, ...(place.typed === '' ? [] : within)];
    if (all.length === 1 && all[0] === place.typed) {
      return operatorsOf(place.typed, fields).map((operator) => ({
        text: place.typed + withList(operator),
        shown: place.typed + operator,
      }));
    }
    return all.map((name) => ({ text: name, shown: name }));
  }
  const known = fieldOf(place.field, fields);
  if (place.kind === 'operator') {
    return operatorsOf(place.field, fields)
      .filter((operator) => operator.startsWith(place.typed))
      .map((operator) => ({ text: withList(operator), shown: operator, beside: MEANS[operator] ?? '' }));
  }
  return (known?.values ?? (place.field === 'connected' ? ['true', 'false'] : []))
    .filter((value) => value.startsWith(place.typed))
    .map((value) => ({ text: value, shown: value }));
};

/** Values that devices have, as they are written. */
export const valueSuggestions = (
  values: readonly { readonly value: unknown; readonly devices: number }[],
  shownCount: (devices: number) => string,
): readonly Suggestion[] =>
  values.map(({ value, devices }) => ({
    text: valueText(value),
    shown: typeof value === 'string' ? value : JSON.stringify(value),
    beside: shownCount(devices),
  }));

/** The text after a suggestion was taken, and where the caret is then. */
export const taken = (
  text: string,
  place: Place,
  suggestion: Suggestion,
): { readonly text: string; readonly caret: number } => {
  const before = text.slice(0, place.from) + suggestion.text;
  const rest = text.slice(place.to);
  return { text: before + rest, caret: before.length };
};

const MEANS: Readonly<Record<string, string>> = {
  '==': 'equals; * stands for anything',
  '!=': 'does not equal, or has none',
  '<': 'before',
  '<=': 'up to',
  '>': 'after',
  '>=': 'from',
  '=in=': 'one of (a,b)',
  '=out=': 'none of (a,b)',
  '=exists=': 'true or false',
};

const withList = (operator: string): string =>
  operator === '=in=' || operator === '=out=' ? `${operator}(` : operator;

const namesOf = ({ name, keys }: KnownField): readonly string[] =>
  name.endsWith('.<key>')
    ? (keys ?? []).map((key) => `${name.slice(0, -'<key>'.length)}${keyText(key)}`)
    : [name];

const operatorsOf = (selector: string, fields: readonly KnownField[]): readonly string[] =>
  fieldOf(selector, fields)?.operators ?? [];

const fieldOf = (selector: string, fields: readonly KnownField[]): KnownField | undefined =>
  fields.find(
    ({ name }) =>
      name === selector || (name.endsWith('.<key>') && selector.startsWith(name.slice(0, -'<key>'.length))),
  );

/** Where the comparison at the end of `before` begins, and the value in its list, where it has one. */
const comparisonStart = (before: string): { readonly start: number; readonly listStart?: number } => {
  let start = 0;
  let listStart: number | undefined;
  for (let at = 0; at < before.length; at += 1) {
    const sign = before[at];
    if (sign === '\\') at += 1;
    else if (sign === '"' || sign === "'") at = endOfQuote(before, at);
    else if (sign === '(') {
      if (/=(in|out)=\s*$/.test(before.slice(start, at))) listStart = at + 1;
      else start = at + 1;
    } else if (sign === ')') listStart = undefined;
    else if (sign === ',' && listStart !== undefined) listStart = at + 1;
    else if (sign === ';' || sign === ',') start = at + 1;
    else if (sign === ' ') {
      const word = /^ +(and|or) /.exec(before.slice(at));
      if (word === null || listStart !== undefined) continue;
      start = at + word[0].length;
      at = start - 1;
    }
  }
  return listStart === undefined ? { start } : { start, listStart };
};
