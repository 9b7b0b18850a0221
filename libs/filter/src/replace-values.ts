import { parse, type Expression, type Operator, type Value } from './parse.js';

/**
 * The text of a filter in which one field is compared for equality with other values; all else stays as it was typed.
 * `change` is given the text between the wildcards of a value (`a*b` is `a`, `b`) and gives undefined for one that stays.
 * Throws `invalid-filter`.
 */
export const replaceValues = (
  text: string,
  selector: string,
  change: (pieces: readonly string[]) => readonly string[] | undefined,
): string => {
  const characters = [...text];
  // From the end, so that the positions of those before it still hold.
  for (const { pieces, at, end } of valuesOf(parse(text), selector).reverse()) {
    const changed = change(pieces);
    if (changed !== undefined) characters.splice(at - 1, end - at, writeValue(changed));
  }
  return characters.join('');
};

const EQUALITY: readonly Operator[] = ['==', '!=', 'in', 'out'];

/** In the order of the text. */
const valuesOf = (expression: Expression, selector: string): Value[] => {
  if (expression.kind !== 'comparison')
    return expression.operands.flatMap((operand) => valuesOf(operand, selector));
  const isMeant = expression.selector === selector && EQUALITY.includes(expression.operator);
  return isMeant ? [...expression.values] : [];
};

const writeValue = (pieces: readonly string[]): string => {
  const isBare = pieces.join('') !== '' && pieces.every((piece) => !/["'();,=!~<>\s\\*]/.test(piece));
  if (isBare) return pieces.join('*');
  return `"${pieces.map((piece) => piece.replace(/["\\*]/g, '\\$&')).join('*')}"`;
};
