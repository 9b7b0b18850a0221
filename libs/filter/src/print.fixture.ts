import fc from 'fast-check';
import { OPERATORS, type Comparison, type Expression, type Value } from './parse.js';

/** An expression as text; `parse` reads it back. */
export const print = (expression: Expression): string => {
  if (expression.kind === 'comparison') return printComparison(expression);
  return expression.operands
    .map((operand) => (operand.kind === 'comparison' ? print(operand) : `(${print(operand)})`))
    .join(expression.kind === 'and' ? ';' : ',');
};

const printComparison = ({ selector: named, operator, values }: Comparison): string => {
  const selector = printSelector(named);
  const printed = values.map(printValue);
  if (operator === 'in' || operator === 'out') return `${selector}=${operator}=(${printed.join(',')})`;
  return `${selector}${operator === 'exists' ? '=exists=' : operator}${printed.join(',')}`;
};

const printSelector = (selector: string): string => {
  const key = selector.indexOf('.') + 1;
  return /["'();,=!~<>\s\\*]/.test(selector)
    ? `${selector.slice(0, key)}${printValue({ pieces: [selector.slice(key)], quoted: true, at: 0, end: 0 })}`
    : selector;
};

const printValue = ({ pieces, quoted }: Value): string => {
  const special = quoted ? /["\\*]/g : /["'();,=!~<>\s\\*]/g;
  const text = pieces.map((piece) => piece.replace(special, '\\$&')).join('*');
  return quoted ? `"${text}"` : text;
};

/** Without what only says where it was read. */
export const withoutPositions = (expression: Expression): unknown =>
  expression.kind === 'comparison'
    ? {
        ...expression,
        at: 0,
        operatorAt: 0,
        values: expression.values.map((value) => ({ ...value, at: 0, end: 0 })),
      }
    : { ...expression, operands: expression.operands.map(withoutPositions) };

/** Texts that a database can hold, with many of the characters that mean something somewhere. */
export const texts = fc
  .array(
    fc.oneof(
      fc.constantFrom(...`aAbB019*%_\\"'();,=!~<>. $1-/:é\u{1F600}\uFFFD\n`),
      fc.constantFrom('--', "';", '$$', '{}', 'null', 'true', '12', 'and ', ' or '),
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(''));

const values: fc.Arbitrary<Value> = fc
  .record({
    pieces: fc.array(texts, { minLength: 1, maxLength: 3 }),
    quoted: fc.boolean(),
    at: fc.constant(0),
    end: fc.constant(0),
  })
  .filter(({ pieces, quoted }) => quoted || pieces.join('*') !== '');

const comparisons = fc
  .record({
    kind: fc.constant('comparison' as const),
    selector: fc.constantFrom('name', 'metadata.region', 'a-b', 'and', 'é.x', `reported.a=b *\\"c'`),
    operator: fc.constantFrom(...OPERATORS),
    values: fc.array(values, { minLength: 1, maxLength: 4 }),
    at: fc.constant(0),
    operatorAt: fc.constant(0),
  })
  .map((one): Comparison =>
    one.operator === 'in' || one.operator === 'out' ? one : { ...one, values: one.values.slice(0, 1) },
  );

export const expressions: fc.Arbitrary<Expression> = fc.letrec<{ expression: Expression; group: Expression }>(
  (tie) => ({
    expression: fc.oneof({ depthSize: 'small', withCrossShrink: true }, comparisons, tie('group')),
    group: fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const),
      operands: fc.array(tie('expression'), { minLength: 2, maxLength: 3 }),
    }),
  }),
).expression;
