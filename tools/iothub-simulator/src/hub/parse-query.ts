import { HubError } from './hub-error.js';

export type Literal = string | number | boolean | null;

export type Condition =
  | { readonly type: 'and'; readonly all: readonly Condition[] }
  | { readonly type: 'or'; readonly any: readonly Condition[] }
  | { readonly type: 'not'; readonly negated: Condition }
  | { readonly type: 'defined'; readonly path: readonly string[] }
  | {
      readonly type: 'text';
      readonly function: 'startswith' | 'endswith' | 'contains';
      readonly path: readonly string[];
      readonly argument: string;
    }
  | { readonly type: 'in'; readonly path: readonly string[]; readonly values: readonly Literal[] }
  | {
      readonly type: 'compare';
      readonly path: readonly string[];
      readonly operator: string;
      readonly value: Literal;
    };

export interface ParsedQuery {
  readonly select:
    | '*'
    | { readonly count: string }
    | { readonly columns: readonly { readonly path: readonly string[]; readonly name: string }[] };
  readonly where?: Condition;
}

const TOKEN =
  /\s*(?:(?<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?<number>-?\d+(?:\.\d+)?)|(?<path>[$A-Za-z_][\w$-]*(?:\.[$A-Za-z_][\w$-]*|\.?\[\[[^\]]+\]\])*)|(?<sign><=|>=|<>|!=|[=<>(),*[\]]))/y;

/** Throws ArgumentInvalid and says at which word. */
export const parseQuery = (text: string): ParsedQuery => new Parser(tokens(text)).query();

interface Token {
  readonly kind: 'string' | 'number' | 'path' | 'sign' | 'end';
  readonly text: string;
}

const tokens = (text: string): Token[] => {
  const found: Token[] = [];
  TOKEN.lastIndex = 0;
  const end = text.trimEnd().length;
  while (TOKEN.lastIndex < end) {
    const from = TOKEN.lastIndex;
    const groups = TOKEN.exec(text)?.groups;
    const [kind, word] =
      Object.entries(groups ?? {}).find(([, value]) => (value as unknown) !== undefined) ?? [];
    if (kind === undefined || word === undefined) throw invalid(text.slice(from, from + 20).trim());
    found.push({ kind: kind as Token['kind'], text: word });
  }
  return [...found, { kind: 'end', text: '' }];
};

class Parser {
  private next = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  query(): ParsedQuery {
    this.expect('select');
    const select = this.select();
    this.expect('from');
    this.expect('devices');
    const where = this.accept('where') ? this.or() : undefined;
    if (this.peek.kind !== 'end') throw invalid(this.peek.text);
    return where === undefined ? { select } : { select, where };
  }

  private select(): ParsedQuery['select'] {
    if (this.accept('*')) return '*';
    if (this.peek.text.toLowerCase() === 'count') {
      this.next += 1;
      this.expect('(');
      this.accept('*');
      this.expect(')');
      return { count: this.accept('as') ? this.word() : '$0' };
    }
    const columns: { path: readonly string[]; name: string }[] = [];
    do {
      const path = this.path();
      columns.push({ path, name: this.accept('as') ? this.word() : (path.at(-1) ?? '') });
    } while (this.accept(','));
    return { columns };
  }

  private or(): Condition {
    const any = [this.and()];
    while (this.accept('or')) any.push(this.and());
    return any.length === 1 && any[0] ? any[0] : { type: 'or', any };
  }

  private and(): Condition {
    const all = [this.not()];
    while (this.accept('and')) all.push(this.not());
    return all.length === 1 && all[0] ? all[0] : { type: 'and', all };
  }

  private not(): Condition {
    if (this.accept('not')) return { type: 'not', negated: this.not() };
    if (this.accept('(')) {
      const inner = this.or();
      this.expect(')');
      return inner;
    }
    return this.comparison();
  }

  private comparison(): Condition {
    const name = this.peek.text.toLowerCase();
    if (name === 'is_defined') {
      this.next += 1;
      return { type: 'defined', path: this.inParentheses(() => this.path()) };
    }
    if (name === 'startswith' || name === 'endswith' || name === 'contains') {
      this.next += 1;
      return this.inParentheses(() => {
        const path = this.path();
        this.expect(',');
        const argument = this.literal();
        if (typeof argument !== 'string') throw invalid(String(argument));
        return { type: 'text', function: name, path, argument };
      });
    }
    const path = this.path();
    if (this.accept('in')) return { type: 'in', path, values: this.list() };
    if (this.accept('nin')) return { type: 'not', negated: { type: 'in', path, values: this.list() } };
    const operator = this.take();
    if (!['=', '!=', '<>', '<', '<=', '>', '>='].includes(operator.text)) throw invalid(operator.text);
    return { type: 'compare', path, operator: operator.text, value: this.literal() };
  }

  private inParentheses<T>(read: () => T): T {
    this.expect('(');
    const value = read();
    this.expect(')');
    return value;
  }

  private list(): Literal[] {
    this.expect('[');
    const values: Literal[] = [];
    do values.push(this.literal());
    while (this.accept(','));
    this.expect(']');
    return values;
  }

  private literal(): Literal {
    const { kind, text } = this.take();
    if (kind === 'string') return text.slice(1, -1).replace(/\\(.)/g, '$1');
    if (kind === 'number') return Number(text);
    const word = text.toLowerCase();
    if (word === 'null') return null;
    if (word === 'true' || word === 'false') return word === 'true';
    throw invalid(text);
  }

  /** `devices.` before a path means nothing; `[[…]]` holds a key with signs that a path may not have. */
  private path(): readonly string[] {
    const { kind, text } = this.take();
    if (kind !== 'path') throw invalid(text);
    const keys = text.match(/\[\[[^\]]+\]\]|[^.[\]]+/g) ?? [];
    const path = keys.map((key) => key.replace(/^\[\[|\]\]$/g, ''));
    return path[0] === 'devices' && path.length > 1 ? path.slice(1) : path;
  }

  private word(): string {
    const { kind, text } = this.take();
    if (kind !== 'path') throw invalid(text);
    return text;
  }

  private accept(word: string): boolean {
    const { kind, text } = this.peek;
    if ((kind !== 'path' && kind !== 'sign') || text.toLowerCase() !== word) return false;
    this.next += 1;
    return true;
  }

  private expect(word: string): void {
    if (!this.accept(word)) throw invalid(this.peek.text);
  }

  private take(): Token {
    const token = this.peek;
    this.next += 1;
    return token;
  }

  private get peek(): Token {
    return this.tokens[Math.min(this.next, this.tokens.length - 1)] ?? { kind: 'end', text: '' };
  }
}

const invalid = (near: string): HubError =>
  new HubError('ArgumentInvalid', `The query is not understood at '${near || 'its end'}'`);
