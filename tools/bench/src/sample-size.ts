import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { startPrivatePlatform } from '@muster/launcher';
import pg from 'pg';
import { markdownTable } from './statistics.js';

const DEVICES = Number(process.env['BENCH_DEVICES'] ?? 2_000);
const MINUTES = Number(process.env['BENCH_MINUTES'] ?? 300);
/** As many values in each sample. */
const KEYS = [1, 3, 10];

/**
 * What a sample takes on the disk, with its index: rows as telemetry writes them, minute after minute, each device in its turn.
 * Into a database of its own. Runs alone.
 */
export const sampleSize = async (): Promise<string> => {
  const rows: string[][] = [];
  for (const keys of KEYS) {
    const platform = await startPrivatePlatform(resolve('.'), 'sample-size', {
      names: [],
      fill: async (url) => void rows.push([String(keys), ...(await sizesOf(url, keys))]),
    });
    await platform.stop();
  }
  return markdownTable(
    ['values of a sample', 'bytes of its JSON', 'table', 'index', 'bytes of a sample'],
    rows,
  );
};

const sizesOf = async (url: string, keys: number): Promise<string[]> => {
  const database = new pg.Client({ connectionString: url });
  await database.connect();
  try {
    const devices = Array.from({ length: DEVICES }, () => randomUUID());
    const begin = Date.parse('2026-11-30T00:00:00Z');
    for (let minute = 0; minute < MINUTES; minute += 1) {
      const at = new Date(begin + minute * 60_000).toISOString();
      await database.query(INSERT, [devices, at, devices.map(() => JSON.stringify(sampleOf(keys)))]);
    }
    const { rows } = await database.query<{ json: number; heap: number; index: number; n: number }>(
      `SELECT (SELECT avg(length(data::text))::float FROM telemetry.samples) AS json,
         pg_table_size('telemetry.samples_default')::float AS heap,
         pg_indexes_size('telemetry.samples_default')::float AS index,
         (SELECT count(*)::float FROM telemetry.samples) AS n`,
    );
    const [found] = rows;
    if (found === undefined) throw new Error('one row');
    const { json, heap, index, n } = found;
    return [json, heap / n, index / n, (heap + index) / n].map((value) => value.toFixed(0));
  } finally {
    await database.end();
  }
};

/** Within its minute, each device has a second of its own; the hash of a content is any number. */
const INSERT = `
  INSERT INTO telemetry.samples (tenant_id, device_id, ts, hash, received_at, data)
  SELECT 'default', d, $2::timestamptz + (n % 60) * interval '1 second', hashtextextended(j, n), now(), j::jsonb
  FROM unnest($1::text[], $3::text[]) WITH ORDINALITY AS s (d, j, n)`;

const sampleOf = (keys: number): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Array.from({ length: keys }, (_, n) => [
      `temperature${n === 0 ? '' : n}`,
      Number((20 + Math.random() * 5).toFixed(2)),
    ]),
  );
