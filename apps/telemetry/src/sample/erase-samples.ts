import type { Database } from '@muster/event-store';
import { forgetLatest } from './latest-values.js';

/** Samples that go in one statement: its transaction must not hold up others for long. */
const SLICE = 5_000;
/** A caller waits so long at most; then it asks again. */
const PATIENCE_MS = 20_000;

/** All samples of these devices and their latest values. False: not all of them yet. */
export const eraseSamples = async (
  database: Database,
  tenantId: string,
  deviceIds: readonly string[],
): Promise<boolean> => {
  const until = Date.now() + PATIENCE_MS;
  for (const deviceId of deviceIds) {
    for (let erased = SLICE; erased > 0;) {
      if (Date.now() > until) return false;
      erased = await eraseSlice(database, tenantId, deviceId);
    }
  }
  await forgetLatest(
    database,
    deviceIds.map((deviceId) => ({ tenantId, deviceId })),
  );
  return true;
};

/** The oldest ones, as the key has them. Returns how many. */
const eraseSlice = async (database: Database, tenantId: string, deviceId: string): Promise<number> => {
  const { rowCount } = await database.query(
    `DELETE FROM samples WHERE tenant_id = $1 AND device_id = $2 AND ts <= (
       SELECT max(ts) FROM (
         SELECT ts FROM samples WHERE tenant_id = $1 AND device_id = $2 ORDER BY ts LIMIT ${SLICE}) AS oldest)`,
    [tenantId, deviceId],
  );
  return rowCount ?? 0;
};
