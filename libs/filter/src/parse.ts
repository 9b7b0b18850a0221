import { quote, refusal, tooLarge } from './refusal.js';

/** Characters. Longer sets of devices are what groups and tags are for. */
export const MAX_FILTER_LENGTH = 4096;
export const MAX_FILTER_DEPTH = 16;
export const MAX_COMPARISONS = 64;
export const MAX_LIST_VALUES = 200;

/** What was written, before anybody knows which fields there are. Positions count characters from 1. */
export type Expression = Group | Comparison;

export interface Group {
  readonly kind: 'and' | 'or';
  readonly operands: readonly Expression[];
}

export interface Comparison {
  readonly kind: 'comparison';
  readonly selector: string;
  readonly operator: Operator;
  /** One, but for `in` and `out`. */
  readonly values: readonly Value[];
  readonly at: number;
  readonly operatorAt: number;
}

export interface Value {
  /** The text between wildcards: `a*b` is `a`, `b`; a text without a wildcard is one piece. */
  readonly pieces: readonly string[];
  readonly quoted: boolean;
  readonly at: number;
  /** Where what comes after it begins. */
  readonly end: number;
}

export const OPERATORS = ['==', '!=', '<', '<=', '>', '>=', 'in', 'out', 'exists'] as const;
export type Operator = (typeof OPERATORS)[number];

/** How an operator is written; `=lt=` and its like are read too. */
export const written = (operator: Operator): string => (/^[a-z]/.test(operator) ? `=${operator}=` : operator);

const OTHER_SPELLINGS: Readonly<Record<string, Operator>> = {
  '=lt=': '<',
  '=le=': '<=',
  '=gt=': '>',
  '=ge=': '>=',
};

const WORD = /[^"'();,=!~<>\s\\*]+/y;
const BARE_VALUE = /(?:\\[^]|[^"'();,=!~<>\s\\])+/uy;
const OPERATOR = /==|!=|<=|>=|<|>|=[A-Za-z]+=/y;
/** PostgreSQL cannot hold U+0000 nor half of a surrogate pair, in no text and no JSON. */
const UNSTORABLE = /\0|\p{Surrogate}/u;

/**
 * RSQL:
 *
 *     filter     = and *( ("," / "or") and )
 *     and        = primary *( (";" / "and") primary )
 *     primary    = "(" filter ")" / comparison
 *     comparison = selector operator ( value / "(" value *( "," value ) ")" )
 *     selector   = 1*( as in a value ), its key also quoted: reported."a=b"
 *     operator   = "==" / "!=" / "<" / "<=" / ">" / ">=" / "=" 1*ALPHA "="
 *     value      = 1*( any but " ' ( ) ; , = ! ~ < > and white space ) / quoted with " or '
 *
 * White space is allowed between all of these, `and` and `or` need it around them. `*` in a value, quoted or not, stands
 * for any text; `\` before any character takes its meaning away. `;` binds tighter than `,`.
 *
 * Throws `invalid-filter`.
 */
export const parse = (text: string): Expression => {
  if (text.length > MAX_FILTER_LENGTH) throw tooLarge(`is longer than ${MAX_FILTER_LENGTH} characters`);
  const unstorable = UNSTORABLE.exec(text);
  if (unstorable !== null) {
    throw refusal(positionIn(text, unstorable.index), 'U+0000 or half of a surrogate pair', 'text');
  }
  return new Parser(text).filter();
};

const positionIn = (text: string, offset: number): number => [...text.slice(0, offset)].length + 1;

class Parser {
  private offset = 0;
  private comparisons = 0;

  constructor(private readonly text: string) {}

  filter(): Expression {
    const expression = this.either(0);
    if (this.offset < this.text.length) throw this.refuse(AFTER_COMPARISON);
    return expression;
  }

  private either(depth: number): Expression {
    return this.chain('or', ',', () => this.both(depth));
  }

  private both(depth: number): Expression {
    return this.chain('and', ';', () => this.primary(depth));
  }

  private chain(kind: 'and' | 'or', sign: string, operand: () => Expression): Expression {
    const first = operand();
    const operands = [first];
    while (this.takes(sign) || this.takesWord(kind)) operands.push(operand());
    return operands.length === 1 ? first : { kind, operands };
  }

  private primary(depth: number): Expression {
    this.skipSpace();
    if (this.text[this.offset] !== '(') return this.comparison();
    if (depth === MAX_FILTER_DEPTH)
      throw this.refuse(`at most ${MAX_FILTER_DEPTH} parentheses in each other`);
    this.offset += 1;
    const inner = this.either(depth + 1);
    if (!this.takes(')')) throw this.refuse(`")", or ${AFTER_COMPARISON}`);
    return inner;
  }

  private comparison(): Comparison {
    if (this.comparisons === MAX_COMPARISONS) throw tooLarge(`has more than ${MAX_COMPARISONS} comparisons`);
    this.comparisons += 1;
    const at = this.position();
    const selector = this.selector();
    this.skipSpace();
    const operatorAt = this.position();
    const operator = this.operator();
    this.skipSpace();
    const list = operator === 'in' || operator === 'out';
    const values = list ? this.list() : [this.value(ONE_VALUE)];
    return { kind: 'comparison', selector, operator, values, at, operatorAt };
  }

  private selector(): string {
    const word = this.match(WORD);
    if (word === undefined) throw this.refuse('a comparison such as name==pump-1, or "("');
    const sign = this.text[this.offset];
    if (!word.endsWith('.') || (sign !== '"' && sign !== "'")) return word;
    const at = this.position();
    const [key = '', ...more] = this.quoted(sign);
    if (more.length > 0) throw refusal(at, 'the wildcard * in a key', 'a key without one');
    return word + key;
  }

  private operator(): Operator {
    const start = this.offset;
    const sign = this.match(OPERATOR) ?? '';
    const known = OTHER_SPELLINGS[sign] ?? OPERATORS.find((operator) => written(operator) === sign);
    if (known !== undefined) return known;
    this.offset = start;
    throw this.refuse(`an operator: ${OPERATORS.map(written).join(' ')}`, sign);
  }

  private list(): Value[] {
    if (!this.takes('(')) throw this.refuse('a list such as (a,b)');
    const values: Value[] = [];
    do {
      if (values.length === MAX_LIST_VALUES) throw this.refuse(`at most ${MAX_LIST_VALUES} values in a list`);
      this.skipSpace();
      values.push(this.value('a value'));
    } while (this.takes(','));
    if (!this.takes(')')) throw this.refuse(`"," or ")"; ${QUOTING}`);
    return values;
  }

  private value(expected: string): Value {
    const at = this.position();
    const sign = this.text[this.offset];
    if (sign === '"' || sign === "'")
      return { pieces: this.quoted(sign), quoted: true, at, end: this.position() };
    const bare = this.match(BARE_VALUE);
    if (bare === undefined) throw this.refuse(expected);
    return { pieces: piecesOf(bare), quoted: false, at, end: this.position() };
  }

  private quoted(sign: string): string[] {
    const start = this.offset;
    for (let end = start + 1; end < this.text.length; end += 1) {
      if (this.text[end] === '\\') end += 1;
      else if (this.text[end] === sign) {
        this.offset = end + 1;
        return piecesOf(this.text.slice(start + 1, end));
      }
    }
    const opened = this.position();
    this.offset = this.text.length;
    throw this.refuse(`the quote that closes the one at position ${opened}`);
  }

  private takes(sign: string): boolean {
    this.skipSpace();
    if (this.text[this.offset] !== sign) return false;
    this.offset += 1;
    return true;
  }

  private takesWord(word: string): boolean {
    this.skipSpace();
    const end = this.offset + word.length;
    if (!this.text.startsWith(word, this.offset) || !/[\s(]/.test(this.text[end] ?? ' ')) return false;
    this.offset = end;
    return true;
  }

  private skipSpace(): void {
    this.match(/\s+/y);
  }

  private match(rule: RegExp): string | undefined {
    rule.lastIndex = this.offset;
    const found = rule.exec(this.text)?.[0];
    if (found !== undefined) this.offset += found.length;
    return found;
  }

  private position(): number {
    return positionIn(this.text, this.offset);
  }

  private refuse(expected: string, found = ''): Error {
    const next = found === '' ? [...this.text.slice(this.offset, this.offset + 2)][0] : found;
    return refusal(this.position(), next === undefined ? 'the end' : quote(next), expected);
  }
}

const QUOTING = `a value with a space or one of " ' ( ) ; , = ! ~ < > goes in quotes`;
const AFTER_COMPARISON = `";" (and), "," (or) or the end; ${QUOTING}`;
const ONE_VALUE = 'a value; lists go with =in= and =out=';

/** Splits at what is a wildcard and takes the backslashes out. */
const piecesOf = (raw: string): string[] => {
  const pieces: string[] = [];
  let piece = '';
  for (let i = 0; i < raw.length; i += 1) {
    if (raw[i] === '*') {
      pieces.push(piece);
      piece = '';
    } else {
      if (raw[i] === '\\') i += 1;
      piece += raw[i] ?? '';
    }
  }
  return [...pieces, piece];
};
