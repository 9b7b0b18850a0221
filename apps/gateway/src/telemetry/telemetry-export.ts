import type { ApiResponseOptions } from '@nestjs/swagger';
import { ArrayMaxSize, IsArray, IsIn, IsOptional, IsString } from 'class-validator';
import type { Response } from 'express';
import { IsTime, type JsonValue } from '@muster/contracts';
import { MAX_POINTS, querySamples, type SamplePage } from '@muster/contracts/telemetry/requests';
import type { Asking } from '../providers.js';
import { sendCsv, sendNdjson, type CsvColumns } from '../http/csv.js';

const FORMATS = ['csv', 'ndjson'] as const;

export class TelemetryExportQuery {
  /** Comma separated. Default: all. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(500)
  @IsString({ each: true })
  keys?: string[];

  /** One key, as it is: also one with commas in it, and the empty one. Instead of `keys`. */
  @IsOptional()
  @IsString()
  key?: string;

  /** Inclusive. Default: 24 hours before `to`. */
  @IsOptional()
  @IsTime()
  from?: string;

  /** Exclusive. Default: now. */
  @IsOptional()
  @IsTime()
  to?: string;

  /** Default: `csv`. Only in `ndjson` is the text "5" another value than the number 5. */
  @IsOptional()
  @IsIn(FORMATS)
  format?: (typeof FORMATS)[number];
}

/** A value of a sample. */
interface OneValue {
  readonly ts: string;
  readonly key: string;
  readonly value: JsonValue;
}

const COLUMNS: CsvColumns<OneValue> = {
  ts: ({ ts }) => ts,
  key: ({ key }) => key,
  value: ({ value }) => value,
};

export const TELEMETRY_FILE: ApiResponseOptions = {
  status: 200,
  description: 'The file: a line for each value, by time.',
  content: {
    'text/csv': { schema: { type: 'string' } },
    'application/x-ndjson': { schema: { type: 'string' } },
  },
};

type Wanted = Pick<TelemetryExportQuery, 'keys' | 'from' | 'to' | 'format'> & {
  readonly tenantId: string;
  readonly deviceId: string;
};

/** Samples as a file, page after page: see `sendCsv`. */
export const sendSamples = async (
  bus: Asking,
  response: Response,
  { tenantId, deviceId, keys, from, to, format }: Wanted,
): Promise<void> => {
  // Now is when it was asked for: otherwise a slow reader would follow the device without an end.
  const until = to ?? new Date().toISOString();
  const asked = { tenantId, deviceId, keys, from, to: until, limit: MAX_POINTS };
  const pageAt = async (cursor: string | undefined) =>
    valuesIn(await bus.request(querySamples, { ...asked, cursor }));
  await (format === 'ndjson'
    ? sendNdjson(response, 'telemetry', (one: OneValue) => one, pageAt)
    : sendCsv(response, 'telemetry', COLUMNS, pageAt));
};

/** A page has its values by key; the file has them by time. */
const valuesIn = ({ series, nextCursor }: SamplePage) => ({
  items: series
    .flatMap(({ key, points }) => points.map(([ts, value]): OneValue => ({ ts, key, value })))
    // Stable: values of one key and time stay in the order in which they came.
    .sort((a, b) => (a.ts < b.ts ? -1 : a.ts > b.ts ? 1 : 0)),
  nextCursor,
});
