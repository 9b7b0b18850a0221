/** A filter as text, without understanding more of it than where its parts are. The grammar itself is libs/filter's. */

export interface Piece {
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

interface Cut {
  readonly at: number;
  readonly length: number;
  readonly sign: 'and' | 'or';
}

/** The parts that must all hold; the whole as one where it begins with an "or". */
export const conjuncts = (text: string): readonly Piece[] => {
  const cuts = topLevelCuts(text);
  if (text.trim() === '') return [];
  if (cuts.some(({ sign }) => sign === 'or')) return [pieceOf(text, 0, text.length)];
  const pieces: Piece[] = [];
  let from = 0;
  for (const { at, length } of cuts) {
    pieces.push(pieceOf(text, from, at));
    from = at + length;
  }
  return [...pieces, pieceOf(text, from, text.length)].filter((piece) => piece.text !== '');
};

export const without = (text: string, piece: Piece): string =>
  conjuncts(text)
    .filter(({ from }) => from !== piece.from)
    .map((kept) => kept.text)
    .join(';');

/** `text` and also `comparison`, which takes the place of what was said of the same selector before. */
export const narrowed = (text: string, selector: string, comparison: string): string => {
  const pieces = conjuncts(text);
  const [only] = pieces;
  if (only !== undefined && topLevelCuts(text).some(({ sign }) => sign === 'or'))
    return `(${only.text});${comparison}`;
  const said = new Set([selector, ...conjuncts(comparison).map((piece) => selectorOf(piece.text))]);
  return [
    ...pieces.map((piece) => piece.text).filter((kept) => !said.has(selectorOf(kept))),
    comparison,
  ].join(';');
};

/** `name==pump` → `name`; of what is in parentheses none. */
const selectorOf = (piece: string): string => /^[^"'();,=!~<>\s]+/.exec(piece)?.[0] ?? '';

/** Quoted where it has to be. `kept` is a value of JSON that was read: its kind must come back the same. */
export const valueText = (kept: unknown): string => {
  if (typeof kept !== 'string') return JSON.stringify(kept);
  const meansAnother = /^(-?\d|true$|false$|null$)/.test(kept);
  if (kept !== '' && !meansAnother && !/[\s"'();,=!~<>\\*]/.test(kept)) return kept;
  return `"${kept.replaceAll(/[\\"*]/g, (sign) => `\\${sign}`)}"`;
};

/** A key behind `reported.`, quoted where it has to be. */
export const keyText = (key: string): string =>
  /^[^"'();,=!~<>\s\\*]+$/.test(key) ? key : `"${key.replaceAll(/[\\"*]/g, (sign) => `\\${sign}`)}"`;

const pieceOf = (text: string, from: number, to: number): Piece => {
  const raw = text.slice(from, to);
  const begin = from + raw.length - raw.trimStart().length;
  return { text: raw.trim(), from: begin, to: begin + raw.trim().length };
};

const topLevelCuts = (text: string): readonly Cut[] => {
  const cuts: Cut[] = [];
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at];
    if (sign === '\\') at += 1;
    else if (sign === '"' || sign === "'") at = endOfQuote(text, at);
    else if (sign === '(') depth += 1;
    else if (sign === ')') depth -= 1;
    else if (depth === 0 && sign === ';') cuts.push({ at, length: 1, sign: 'and' });
    else if (depth === 0 && sign === ',') cuts.push({ at, length: 1, sign: 'or' });
    else if (depth === 0 && sign === ' ') {
      const word = /^ +(and|or)(?=[ (])/.exec(text.slice(at));
      if (word === null) continue;
      cuts.push({ at, length: word[0].length, sign: word[1] === 'and' ? 'and' : 'or' });
      at += word[0].length - 1;
    }
  }
  return cuts;
};

/** Of the last character where it is not closed. */
export const endOfQuote = (text: string, start: number): number => {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === text[start]) return at;
  }
  return text.length;
};

/** A pattern of all that begins with a text. */
export const startingWith = (text: string): string => {
  const quoted = valueText(text);
  return quoted.startsWith('"') ? `${quoted.slice(0, -1)}*"` : `${quoted}*`;
};
