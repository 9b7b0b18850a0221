import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Response } from 'express';
import type { JsonValue } from '@muster/contracts';

/** Column → what of an item it shows. An object or array is shown as JSON, nothing as nothing. */
export type CsvColumns<Item> = Readonly<Record<string, (item: Item) => JsonValue | undefined>>;

interface CsvPage<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

/**
 * Sends all pages of a list as CSV (RFC 4180), the next one being asked for when the client has taken the one before: the
 * memory is that of a page, however long the list. A fault on the first page is told as any other; later ones break the
 * connection off, so that a part is not taken for the whole.
 */
export const sendCsv = async <Item>(
  response: Response,
  name: string,
  columns: CsvColumns<Item>,
  pageAt: (cursor: string | undefined) => Promise<CsvPage<Item>>,
): Promise<void> => {
  const first = await pageAt(undefined);
  response.status(200);
  response.setHeader('content-type', 'text/csv; charset=utf-8; header=present');
  response.setHeader('content-disposition', `attachment; filename="${name}.csv"`);
  await pipeline(Readable.from(linesOf(columns, first, pageAt)), response);
};

async function* linesOf<Item>(
  columns: CsvColumns<Item>,
  first: CsvPage<Item>,
  pageAt: (cursor: string | undefined) => Promise<CsvPage<Item>>,
): AsyncGenerator<string> {
  yield line(Object.keys(columns));
  const shown = Object.values(columns);
  for (let page = first; ; page = await pageAt(page.nextCursor)) {
    yield page.items.map((item) => line(shown.map((show) => show(item)))).join('');
    if (page.nextCursor === null) return;
  }
}

const line = (fields: readonly (JsonValue | undefined)[]): string => `${fields.map(fieldOf).join(',')}\r\n`;

const fieldOf = (value: JsonValue | undefined): string => {
  if (value === undefined || value === null) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};
