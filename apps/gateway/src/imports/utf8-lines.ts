import { isUtf8 } from 'node:buffer';
import { fileFault } from './import-fault.js';

const NEWLINE = 0x0a;
/** More than a row with all metadata that a device may have. */
export const MAX_LINE_BYTES = 262_144;

/**
 * The same bytes, cut behind line feeds, none of them invalid UTF-8: a reader would put U+FFFD in their place without a word.
 * Throws `invalid-request` with line and column of the first that is, and for a line that is too long.
 */
export async function* utf8Lines(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  let line = 1;
  const checked = (block: Buffer): Buffer => {
    if (!isUtf8(block)) throw faultIn(block, line);
    for (let at = block.indexOf(NEWLINE); at >= 0; at = block.indexOf(NEWLINE, at + 1)) line += 1;
    return block;
  };
  for await (const chunk of source) {
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    if (end > 0) {
      yield checked(Buffer.concat([rest, chunk.subarray(0, end)]));
      rest = Buffer.from(chunk.subarray(end));
    } else rest = Buffer.concat([rest, chunk]);
    if (rest.length > MAX_LINE_BYTES) throw fileFault({ line }, `must have at most ${MAX_LINE_BYTES} bytes`);
  }
  if (rest.length > 0) yield checked(rest);
}

const faultIn = (block: Buffer, firstLine: number) => {
  let line = firstLine;
  for (let from = 0; from < block.length; line += 1) {
    const feed = block.indexOf(NEWLINE, from);
    const end = feed < 0 ? block.length : feed + 1;
    const bytes = block.subarray(from, end);
    if (!isUtf8(bytes)) return fileFault({ line, column: columnOf(bytes) }, 'must be UTF-8 text');
    from = end;
  }
  return fileFault({ line: firstLine }, 'must be UTF-8 text');
};

/** Of the first character that cannot be read. */
const columnOf = (bytes: Buffer): number => {
  let good = 0;
  for (let length = 1; length <= bytes.length; length += 1) {
    if (isUtf8(bytes.subarray(0, length))) good = length;
    else if (length - good > 3) break;
  }
  return [...bytes.subarray(0, good).toString()].length + 1;
};
