import type pg from 'pg';
import { FILTER_JOINS } from './device-filter.js';

/** Devices that are looked at, and how many of them must match: fewer may be chance. */
const SAMPLE = 1_000;
const SURE = 5;
/** With fewer, any plan does. */
const FEW_DEVICES = 10_000;
/** A device that is passed by on the way through all costs so much less than one that is gathered. */
const PASSED_BY = 16;

/**
 * Whether matching devices are so common that the first `limit` of them are found sooner by going through all devices in the
 * order of the page than by gathering all that match, as a part of the devices says, that is chosen by chance. What lies in
 * JSON PostgreSQL takes for rare, and gathers: 10,000 of a million in 0.4 s, of which the first 50 are found in 0.01 s.
 */
export const areCommon = async (
  tx: pg.PoolClient,
  { conditions, values }: { readonly conditions: string; readonly values: readonly unknown[] },
  limit: number,
): Promise<boolean> => {
  const { rows } = await tx.query<{ devices: number }>({
    name: 'devices-about',
    text: `SELECT reltuples::double precision AS devices FROM pg_class WHERE oid = 'devices'::regclass`,
  });
  const devices = rows[0]?.devices ?? 0;
  if (devices < FEW_DEVICES) return false;
  // Each device's rows by their keys: PostgreSQL would rather read the other tables from end to end.
  await tx.query('SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off');
  const found = await tx.query<{ sampled: number; matching: number }>(
    `SELECT count(*)::integer AS sampled, count(*) FILTER (WHERE ${conditions})::integer AS matching
     FROM devices d TABLESAMPLE SYSTEM (${((100 * SAMPLE) / devices).toFixed(4)}) ${FILTER_JOINS}`,
    [...values],
  );
  await tx.query('SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on');
  const { sampled = 0, matching = 0 } = found.rows[0] ?? {};
  return matching >= SURE && matching / sampled >= Math.sqrt(limit / (PASSED_BY * devices));
};
