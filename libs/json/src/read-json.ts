import { visit, type JSONPath } from 'jsonc-parser';

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** A text that cannot be kept as it was sent. `path` is dotted from the root (`values.a[2].b`), "" the whole; `rule` follows it. */
export class JsonFault extends Error {
  override readonly name = 'JsonFault';

  constructor(
    readonly path: string,
    readonly rule: string,
  ) {
    super(path === '' ? rule : `${path} ${rule}`);
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Throws `JsonFault` for bytes that are no UTF-8: they would be read as U+FFFD. */
export const decodeUtf8 = (bytes: Uint8Array): string => {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new JsonFault('', 'must be UTF-8 text');
  }
};

/**
 * How JSON of the outside is read, at every door. What is read, printed again, denotes the values that were sent; what cannot
 * be kept so is refused: bytes that are no UTF-8, a key given twice, a number beyond a double or rounded beyond 2^53 (see
 * `isKept`), U+0000 and half surrogate pairs (PostgreSQL's `jsonb` has none), more than `maxDepth` levels. Throws
 * `JsonFault`. A key `__proto__` is data like any other.
 *
 * `JSON.parse` does the reading, because devices send thousands a second. Whether it lost something is seen from counts; only
 * then is the text read once more, to find out what and where.
 */
export const readJson = (bytes: Uint8Array, maxDepth: number): Json =>
  readJsonText(decodeUtf8(bytes), maxDepth);

export const readJsonText = (text: string, maxDepth: number): Json => {
  if (/^[ \t\r\n]*$/.test(text)) throw new JsonFault('', 'must be JSON, is empty');
  const value = parse(text);
  const { depth, members, isSuspicious } = survey(text);
  if (depth > maxDepth) throw new JsonFault('', `must not be nested deeper than ${maxDepth} levels`);
  if (isSuspicious || membersOf(value) !== members) {
    const fault = findFault(text);
    if (fault !== undefined) throw fault;
  }
  return value;
};

const parse = (text: string): Json => {
  try {
    return JSON.parse(text) as Json; // it yields nothing else
  } catch (error) {
    // The engine's own text quotes what was sent.
    const position = error instanceof Error ? /position (\d+)/.exec(error.message)?.[1] : undefined;
    throw new JsonFault('', `must be JSON${position === undefined ? '' : `, fault at position ${position}`}`);
  }
};

/**
 * Of a text that is JSON: its levels, the members of all its objects as they are written, and whether it has what may be
 * refused and leaves no trace in these counts: an escaped character, a number so small that it became 0.
 */
const survey = (text: string): { depth: number; members: number; isSuspicious: boolean } => {
  let level = 0;
  let depth = 0;
  let members = 0;
  let isSuspicious = text.length > 300 && /0{300}/.test(text);
  let inText = false;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (inText) {
      if (code === 0x5c) {
        i += 1;
        if (text.charCodeAt(i) === 0x75) isSuspicious = true;
      } else if (code === 0x22) inText = false;
    } else if (code === 0x22) inText = true;
    else if (code === 0x3a) members += 1;
    else if (code === 0x5b || code === 0x7b) {
      level += 1;
      if (level > depth) depth = level;
    } else if (code === 0x5d || code === 0x7d) level -= 1;
    else if (code === 0x2d && (text.charCodeAt(i - 1) | 0x20) === 0x65) isSuspicious = true; // 1e-999
  }
  return { depth, members, isSuspicious };
};

/**
 * Members of all objects as they were read: fewer than were written where a key came twice. NaN, which equals nothing, where
 * a number may have been changed.
 */
const membersOf = (value: Json): number => {
  if (typeof value === 'number') return Math.abs(value) < EXACT ? 0 : NaN;
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const element of value as readonly Json[]) count += membersOf(element);
  } else {
    for (const key in value) count += 1 + membersOf(value[key] ?? null);
  }
  return count;
};

/** Below it, every whole number is a double. */
const EXACT = 2 ** 53;

/** Finds what `readJson` refuses in a text that is JSON, the first in its order. */
export const findFault = (text: string): JsonFault | undefined => {
  let fault: JsonFault | undefined;
  const say = (path: JSONPath, rule: string): void => {
    fault ??= new JsonFault(pathText(path), rule);
  };
  const objects: Set<string>[] = [];
  visit(text, {
    onObjectBegin: () => {
      objects.push(new Set());
    },
    onObjectEnd: () => {
      objects.pop();
    },
    onObjectProperty: (key, _offset, _length, _line, _character, path) => {
      const wrong = textFault(key);
      const keys = objects.at(-1);
      if (wrong !== undefined) say(path(), `must not have a field name with ${wrong}`);
      else if (keys?.has(key) === true) say([...path(), key], 'must be given once, is there twice');
      keys?.add(key);
    },
    onLiteralValue: (value: unknown, offset, length, _line, _character, path) => {
      if (typeof value === 'string') {
        const wrong = textFault(value);
        if (wrong !== undefined) say(path(), `must not contain ${wrong}`);
      } else if (typeof value === 'number') {
        const source = text.slice(offset, offset + length);
        if (!isKept(source)) say(path(), numberFault(source));
      }
    },
  });
  return fault;
};

/** What PostgreSQL's `jsonb` and text cannot hold. */
export const textFault = (text: string): string | undefined => {
  if (text.includes('\u0000')) return 'the character U+0000';
  return /\p{Surrogate}/u.test(text) ? 'half a surrogate pair' : undefined;
};

export const numberFault = (source: string): string => {
  const value = Number(source);
  return Number.isFinite(value) && value !== 0
    ? 'must be a number that is kept exactly, is one beyond 2^53 with more digits than a double has; send it as text'
    : 'must be a number that a double can hold, is one beyond';
};

/**
 * Whether a number is kept as it is written: from 2^53 on, where doubles are further apart than whole numbers, only what a
 * double is exactly when it is printed again (1e20, 9007199254740992; not 9007199254740993). Below, whole numbers are always
 * exact, and a fraction is the double nearest to it: that is its rule, and 0.1 is the first example. What is so small
 * that 0 would be left of it is not kept either.
 */
export const isKept = (source: string): boolean => {
  const value = Number(source);
  if (!Number.isFinite(value)) return false;
  if (value === 0) return !/^[^eE]*[1-9]/.test(source);
  return Math.abs(value) < EXACT || decimal(source) === decimal(String(value));
};

/** The same text for the same decimal: `120.0`, `1.2e2` and `12e+1` are `12e1`. Without its sign. */
const decimal = (source: string): string => {
  const [mantissa = '', exponent = '0'] = source.replace(/^[+-]/, '').split(/e/i);
  const [whole = '', fraction = ''] = mantissa.split('.');
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  return `${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`;
};

const pathText = (path: JSONPath): string =>
  path
    .map((step, index) =>
      typeof step === 'number' ? `[${step}]` : `${index === 0 ? '' : '.'}${shorten(step)}`,
    )
    .join('');

/** A field's name as it was given, short enough for a reply. */
export const shorten = (text: string): string => (text.length <= 64 ? text : `${text.slice(0, 61)}...`);
