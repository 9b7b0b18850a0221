import { Readable } from 'node:stream';
import { CsvError, parse, type InfoRecord, type Options } from 'csv-parse';
import type { JsonObject, JsonValue } from '@muster/contracts';
import type { ImportLine } from '@muster/contracts/device-registry/imports.requests';
import { JsonFault, readJson } from '@muster/json';
import { unguarded } from '../http/csv-cells.js';
import { fileFault, type Place } from './import-fault.js';
import { MAX_LINE_BYTES, utf8Lines } from './utf8-lines.js';

/** Puts what a cell says into a row. */
type Column = (row: JsonObject, cell: string, place: Place) => void;

const text =
  (field: string): Column =>
  (row, cell) => {
    row[field] = unguarded(cell);
  };

/** A JSON object; its members stand beside those that have a column of their own. */
const members =
  (field: string): Column =>
  (row, cell, place) => {
    const values = jsonIn(cell, place);
    // What is no object is told of by the rules of the row.
    if (typeof values !== 'object' || values === null || Array.isArray(values)) row[field] ??= values;
    else for (const [key, value] of Object.entries(values)) put(row, field, key, value);
  };

const COLUMNS: Readonly<Record<string, Column>> = {
  id: text('id'),
  name: text('name'),
  deviceType: text('deviceType'),
  appVersion: text('appVersion'),
  interface: text('interface'),
  folder: text('folder'),
  tags: (row, cell) => {
    row['tags'] = unguarded(cell)
      .split(/[;,]/)
      .map((tag) => tag.trim())
      .filter((tag) => tag !== '');
  },
  serialNumber: text('serialNumber'),
  'position.latitude': (row, cell) => put(row, 'position', 'latitude', numberIn(cell)),
  'position.longitude': (row, cell) => put(row, 'position', 'longitude', numberIn(cell)),
  'position.altitude': (row, cell) => put(row, 'position', 'altitude', numberIn(cell)),
  metadata: members('metadata'),
  desired: members('desired'),
  parentId: text('parentId'),
  parent: text('parent'),
  token: text('token'),
};

/** A column for one member: of metadata by the rule of its keys, of desired values whatever the configuration takes. */
const MEMBER = /^(?:(metadata)\.([a-zA-Z0-9_]{1,64})|(desired)\.(.{1,255}))$/s;

/** What spreadsheets put between columns where a comma is part of a number. */
const OTHER_SEPARATORS = [
  [';', 'semicolons'],
  ['\t', 'tabs'],
] as const;

/** The columns a file may have, for people. */
export const COLUMN_NAMES = [...Object.keys(COLUMNS), 'metadata.<key>', 'desired.<key>'].join(', ');

/**
 * The rows of a CSV file (RFC 4180; a byte order mark and either end of line are no matter), by the names of their columns. An
 * empty cell says nothing, so what it would say stays as it is. Throws `invalid-request` with line and column for what is no such file.
 */
export async function* csvRows(source: AsyncIterable<Buffer>): AsyncGenerator<ImportLine> {
  /** The parser counts each CRLF inside of a cell as two lines. */
  let twice = 0;
  /** Where the next record begins, or empty lines before it. */
  let next = 1;
  // While it is parsed: of what is still to be read when a fault is found nothing would be known later.
  const placed = (cells: string[], { lines }: InfoRecord): PlacedCells => {
    const text = cells.join('');
    twice += text.split('\r\n').length - 1;
    const end = lines - twice;
    next = end + 1;
    return { line: end - (text.split(/\r\n|\n|\r/).length - 1), cells };
  };
  const options: Options<PlacedCells, string[]> = {
    bom: true,
    // All of them, whichever came first: editors mix them.
    record_delimiter: ['\r\n', '\n', '\r'],
    on_record: placed,
    // Counted below, for a better word.
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: MAX_LINE_BYTES,
  };
  // Its types know such an `on_record` only where records are objects by columns.
  const parser = parse(options as unknown as Options);
  const bytes = Readable.from(utf8Lines(source));
  // The parser would wait for the rest.
  bytes.on('error', (error) => parser.destroy(error));
  bytes.pipe(parser);
  let columns: readonly Column[] | undefined;
  try {
    for await (const { line, cells } of parser as AsyncIterable<PlacedCells>) {
      const unstorable = cells.findIndex((cell) => cell.includes('\u0000'));
      if (unstorable >= 0) {
        throw fileFault({ line, column: unstorable + 1 }, 'must not contain the character U+0000');
      }
      if (columns === undefined) {
        columns = columnsOf(cells, line);
        continue;
      }
      if (cells.length !== columns.length) {
        throw fileFault(
          { line },
          `has ${cells.length} cells, and the first line names ${columns.length} columns`,
        );
      }
      yield { line, row: rowOf(columns, cells, line) };
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const place = TOLD_BY_BEGINNING.includes(error.code) ? { line: next } : placeOf(error, twice);
    throw fileFault(place, wordsOf(error));
  } finally {
    bytes.destroy();
    parser.destroy();
  }
  if (columns === undefined) throw fileFault({ line: 1 }, `must name the columns: ${COLUMN_NAMES}`);
}

interface PlacedCells {
  /** Where the record begins. */
  readonly line: number;
  readonly cells: string[];
}

const columnsOf = (names: readonly string[], line: number): readonly Column[] => {
  const seen = new Set<string>();
  return names.map((name, index) => {
    const place = { line, column: index + 1 };
    if (seen.has(name)) throw fileFault(place, `"${name}" is named twice`);
    seen.add(name);
    const [, metadata, metadataKey, desired, desiredKey] = MEMBER.exec(name) ?? [];
    const [field, key] = [metadata ?? desired, metadataKey ?? desiredKey];
    if (field !== undefined && key !== undefined)
      return (row, cell, at) => put(row, field, key, valueIn(cell, at));
    const known = Object.hasOwn(COLUMNS, name) ? COLUMNS[name] : undefined;
    if (known === undefined) {
      const other = names.length === 1 ? OTHER_SEPARATORS.find(([sign]) => name.includes(sign)) : undefined;
      if (other !== undefined)
        throw fileFault(place, `must have commas between its columns, has ${other[1]}`);
      throw fileFault(place, `"${name}" is not a known column; these are: ${COLUMN_NAMES}`);
    }
    return known;
  });
};

const rowOf = (columns: readonly Column[], cells: readonly string[], line: number): JsonObject => {
  const row: JsonObject = {};
  for (const [index, cell] of cells.entries()) {
    if (cell !== '') columns[index]?.(row, cell, { line, column: index + 1 });
  }
  return row;
};

const put = (row: JsonObject, field: string, key: string, value: JsonValue): void => {
  const before = row[field];
  const members = typeof before === 'object' && before !== null && !Array.isArray(before) ? before : {};
  // By entries, so that `__proto__` is a key like any other.
  row[field] = Object.fromEntries([...Object.entries(members), [key, value]]);
};

/** What is no number stays text, and the rules of the row say what is expected. */
const numberIn = (cell: string): JsonValue =>
  /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(cell) ? Number(cell) : cell;

const jsonIn = (cell: string, place: Place): JsonValue => {
  try {
    return readJson(Buffer.from(cell), 100);
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    throw fileFault(place, error.path === '' ? error.rule : `${error.path} ${error.rule}`);
  }
};

/**
 * A value of metadata, or a desired one: JSON where it is some (`5`, `true`, `"5"`, `{"a":1}`, `null` removes the key), else the
 * text as it is.
 */
const valueIn = (cell: string, place: Place): JsonValue => {
  try {
    JSON.parse(cell);
  } catch {
    return unguarded(cell);
  }
  return jsonIn(cell, place);
};

const placeOf = (error: CsvError, twice: number): Place => {
  const { lines, index } = error as unknown as { readonly lines?: number; readonly index?: number };
  return { line: Math.max(1, (lines ?? 1) - twice), ...(index === undefined ? {} : { column: index + 1 }) };
};

const QUOTE_INSIDE = 'a quote inside of a cell must be doubled, and the cell in quotes';
const WORDS: Partial<Record<CsvError['code'], string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quote is opened and not closed',
  INVALID_OPENING_QUOTE: QUOTE_INSIDE,
  CSV_INVALID_CLOSING_QUOTE: QUOTE_INSIDE,
  CSV_MAX_RECORD_SIZE: `a row may have at most ${MAX_LINE_BYTES} bytes; perhaps a quote is opened and not closed`,
};
/** Where these are noticed may be far behind the row that they are in. */
const TOLD_BY_BEGINNING: readonly CsvError['code'][] = ['CSV_QUOTE_NOT_CLOSED', 'CSV_MAX_RECORD_SIZE'];

const wordsOf = ({ code }: CsvError): string => WORDS[code] ?? 'cannot be read as CSV';
