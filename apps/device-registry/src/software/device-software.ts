import type { Database, Projection } from '@muster/event-store';
import { deleteAlone, holdDeletions } from '../state/erasure-lock.js';

/** A device said that it runs a version. `version` is that of the event; it rises with every event of the device's software. */
export interface RunningSoftware {
  readonly tenantId: string;
  readonly deviceId: string;
  /** Name of the firmware type; `default` for the first of the device type. */
  readonly software: string;
  readonly softwareVersion: string;
  readonly version: number;
}

/** With a device goes what is known of its software. */
export const deviceSoftware: Projection = {
  name: 'device-software',
  handles: ['DeviceDeleted'],
  project: async (tx, events) => {
    await deleteAlone(tx);
    await tx.query(
      'DELETE FROM device_software WHERE (tenant_id, device_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))',
      [events.map(({ tenantId }) => tenantId), events.map(({ streamId }) => streamId)],
    );
  },
  /** All stays: the registry's own events could not bring it back. */
  reset: () => Promise.resolve(),
};

/** Of a row `d` of devices; null: the device never said. The planner leaves the join out where nothing asks for it. */
export const SOFTWARE_JOIN =
  'LEFT JOIN device_software s ON s.tenant_id = d.tenant_id AND s.device_id = d.id';

/** In any order and any number of times: the newest of each software stays. Devices that are gone are passed over. */
export const learnSoftware = async (database: Database, told: readonly RunningSoftware[]): Promise<void> => {
  const rows = new Map<
    string,
    {
      readonly tenant_id: string;
      readonly device_id: string;
      readonly software: Record<string, string>;
      readonly seen: Record<string, number>;
    }
  >();
  for (const { tenantId, deviceId, software, softwareVersion, version } of told) {
    const key = `${tenantId}\n${deviceId}`;
    const row = rows.get(key) ?? { tenant_id: tenantId, device_id: deviceId, software: {}, seen: {} };
    rows.set(key, row);
    if (version <= (row.seen[software] ?? 0)) continue;
    row.seen[software] = version;
    row.software[software] = softwareVersion;
  }
  if (rows.size === 0) return;
  // Ordered, so that two processes take the rows in one order and do not wait for each other.
  await database.transaction(async (tx) => {
    await holdDeletions(tx);
    await tx.query({
      text: `INSERT INTO device_software AS known (tenant_id, device_id, software, seen)
           SELECT r.tenant_id, r.device_id, r.software, r.seen
           FROM jsonb_to_recordset($1::jsonb) AS r (tenant_id text, device_id text, software jsonb, seen jsonb)
           JOIN devices d ON d.tenant_id = r.tenant_id AND d.id = r.device_id
           ORDER BY r.tenant_id, r.device_id
           ON CONFLICT (tenant_id, device_id) DO UPDATE SET
             software = known.software || (
               SELECT coalesce(jsonb_object_agg(name, excluded.software -> name), '{}') FROM jsonb_object_keys(excluded.seen) AS name
               WHERE (excluded.seen ->> name)::bigint > coalesce((known.seen ->> name)::bigint, 0)),
             seen = known.seen || (
               SELECT coalesce(jsonb_object_agg(name, excluded.seen -> name), '{}') FROM jsonb_object_keys(excluded.seen) AS name
               WHERE (excluded.seen ->> name)::bigint > coalesce((known.seen ->> name)::bigint, 0))`,
      values: [JSON.stringify([...rows.values()])],
    });
  });
};
