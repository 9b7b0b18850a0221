import { ImportRow, type ImportLine } from '@muster/contracts/device-registry/imports.requests';
import { schemasOf } from '@muster/contracts/schema/json-schema';
import { JsonFault, readJson, type JsonObject } from '@muster/json';
import { fileFault } from './import-fault.js';
import { utf8Lines } from './utf8-lines.js';

/** What a row may have. */
export const ROW_FIELDS: readonly string[] = Object.keys(
  schemasOf([ImportRow], '')['ImportRow']?.properties ?? {},
);

const MAX_DEPTH = 100;

/** A JSON object on each line; empty lines are passed over. Throws `invalid-request` with the line. */
export async function* ndjsonRows(source: AsyncIterable<Buffer>): AsyncGenerator<ImportLine> {
  let line = 0;
  for await (const block of utf8Lines(source)) {
    for (const text of linesIn(block)) {
      line += 1;
      const bytes = line === 1 ? withoutMark(text) : text;
      if (/^[ \t\r]*$/.test(bytes.toString('latin1'))) continue;
      yield { line, row: rowIn(bytes, line) };
    }
  }
}

function* linesIn(block: Buffer): Generator<Buffer> {
  for (let from = 0; from < block.length;) {
    const feed = block.indexOf(0x0a, from);
    const end = feed < 0 ? block.length : feed;
    yield block.subarray(from, end);
    from = end + 1;
  }
}

/** The byte order mark, which editors put in front. */
const withoutMark = (bytes: Buffer): Buffer =>
  bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;

const rowIn = (bytes: Buffer, line: number): JsonObject => {
  let row;
  try {
    row = readJson(bytes, MAX_DEPTH);
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    throw fileFault({ line }, error.path === '' ? error.rule : `${error.path} ${error.rule}`);
  }
  if (typeof row !== 'object' || row === null || Array.isArray(row)) {
    throw fileFault({ line }, 'must be a JSON object');
  }
  const unknown = Object.keys(row).find((field) => !ROW_FIELDS.includes(field));
  if (unknown !== undefined) {
    throw fileFault({ line }, `${unknown} is not a known field; these are: ${ROW_FIELDS.join(', ')}`);
  }
  return row;
};
