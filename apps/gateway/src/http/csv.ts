import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ApiResponseOptions } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import type { Response } from 'express';
import type { JsonValue } from '@muster/contracts';
import { guarded } from './csv-cells.js';
import { PageQuery } from './page-query.js';

/** Column → what of an item it shows. An object or array is shown as JSON, nothing as nothing, a text never as a formula. */
export type CsvColumns<Item> = Readonly<Record<string, (item: Item) => JsonValue | undefined>>;

interface CsvPage<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

/** Of a list that can be had as a file, too. */
export class ListOrFileQuery extends PageQuery {
  /** `csv`: all that match, as a file; `limit` and `cursor` mean nothing then. */
  @IsOptional()
  @IsIn(['json', 'csv'])
  format?: 'json' | 'csv';
}

export const LIST_OR_FILE: ApiResponseOptions = {
  status: 200,
  description: 'OK; with `format=csv` a file.',
  content: { 'text/csv': { schema: { type: 'string' } } },
};

/** One page as JSON, or all of them as a file. Nest sends nothing by itself where it hands out the response. */
export const sendListOrFile = async <Item>(
  response: Response,
  { format, ...page }: Pick<ListOrFileQuery, 'format' | 'limit' | 'cursor' | 'count'>,
  file: { readonly name: string; readonly columns: CsvColumns<Item> },
  pageAt: (page: Pick<PageQuery, 'limit' | 'cursor' | 'count'>) => Promise<CsvPage<Item>>,
): Promise<void> => {
  if (format !== 'csv') {
    response.json(await pageAt(page));
    return;
  }
  await sendCsv(response, file.name, file.columns, (cursor) => pageAt({ limit: CSV_PAGE, cursor }));
};

const CSV_PAGE = 500;

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
  const shown = Object.values(columns);
  await sendPages(response, {
    type: 'text/csv; charset=utf-8; header=present',
    fileName: `${name}.csv`,
    head: line(Object.keys(columns)),
    lineOf: (item: Item) => line(shown.map((show) => show(item))),
    pageAt,
  });
};

/** The same as a JSON object on each line. */
export const sendNdjson = <Item>(
  response: Response,
  name: string,
  objectOf: (item: Item) => object,
  pageAt: (cursor: string | undefined) => Promise<CsvPage<Item>>,
): Promise<void> =>
  sendPages(response, {
    type: 'application/x-ndjson; charset=utf-8',
    fileName: `${name}.ndjson`,
    head: '',
    lineOf: (item: Item) => `${JSON.stringify(objectOf(item))}\n`,
    pageAt,
  });

interface Pages<Item> {
  readonly type: string;
  readonly fileName: string;
  readonly head: string;
  readonly lineOf: (item: Item) => string;
  readonly pageAt: (cursor: string | undefined) => Promise<CsvPage<Item>>;
}

const sendPages = async <Item>(response: Response, pages: Pages<Item>): Promise<void> => {
  const first = await pages.pageAt(undefined);
  response.status(200);
  response.setHeader('content-type', pages.type);
  response.setHeader('content-disposition', `attachment; filename="${pages.fileName}"`);
  await pipeline(Readable.from(linesOf(pages, first)), response);
};

async function* linesOf<Item>(
  { head, lineOf, pageAt }: Pages<Item>,
  first: CsvPage<Item>,
): AsyncGenerator<string> {
  yield head;
  for (let page = first; ; page = await pageAt(page.nextCursor)) {
    yield page.items.map(lineOf).join('');
    if (page.nextCursor === null) return;
  }
}

const line = (fields: readonly (JsonValue | undefined)[]): string => `${fields.map(fieldOf).join(',')}\r\n`;

const fieldOf = (value: JsonValue | undefined): string => {
  if (value === undefined || value === null) return '';
  const text = typeof value === 'string' ? guarded(value) : JSON.stringify(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};
