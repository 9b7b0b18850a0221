import { SYNC_STATES } from '@muster/contracts/configuration/sync-state';
import { INTERFACES } from '@muster/contracts/device-registry/devices.requests';
import { MAX_COUNTED, type FleetSummary } from '@muster/contracts/device-registry/filters.requests';
import type pg from 'pg';
import { CONNECTED } from '../connectivity/device-connectivity.js';
import { FILTER_JOINS, type DeviceCondition } from '../device/device-filter.js';
import { conditionsOf } from '../device/device-search.js';
import { SYNC_STATE } from '../state/device-states.js';

const CONNECTIVITIES = ['connected', 'disconnected', 'neverSeen', 'unknown'] as const;

const CONNECTIVITY = `CASE WHEN ${CONNECTED} THEN 'connected' WHEN c.last_seen_at IS NULL THEN 'neverSeen'
  WHEN ${CONNECTED} IS NULL THEN 'unknown' ELSE 'disconnected' END`;

interface CountRow {
  readonly what: number;
  readonly device_type: string | null;
  readonly app_version: string | null;
  readonly one: string | null;
  readonly devices: string;
}

/** Which of the columns a row is grouped by, as PostgreSQL's `grouping` says it: a bit is set where the column is not. */
const BY = { interface: 0b0111, connectivity: 0b1011, syncState: 0b1101, appVersion: 0b1110 } as const;

/** Counts every device of the condition once, by all that is asked at the same time. */
export const summarize = async (
  tx: pg.PoolClient,
  tenantId: string,
  which: DeviceCondition | undefined,
): Promise<FleetSummary> => {
  const { conditions, values } = conditionsOf(undefined, { tenantId, which, after: undefined, limit: 0 });
  const { rows } = await tx.query<CountRow>(
    `SELECT f.what, t.name AS device_type, f.app_version, coalesce(f.interface, f.connectivity, f.sync_state) AS one, f.devices
     FROM (
       SELECT grouping(interface, connectivity, sync_state, app_version) AS what, device_type_id, app_version, interface,
         connectivity, sync_state, count(*) AS devices
       FROM (SELECT d.device_type_id, d.app_version, d.interface, ${CONNECTIVITY} AS connectivity, ${SYNC_STATE} AS sync_state
             FROM devices d ${FILTER_JOINS} WHERE ${conditions}) AS fleet
       GROUP BY GROUPING SETS ((interface), (connectivity), (sync_state), (device_type_id, app_version))
     ) f LEFT JOIN device_types t ON t.tenant_id = $1 AND t.id = f.device_type_id`,
    values,
  );
  const { rows: software } = await tx.query<{ software: string; version: string; devices: string }>(
    `SELECT one.key AS software, one.value AS version, count(*) AS devices
     FROM devices d ${FILTER_JOINS} CROSS JOIN LATERAL jsonb_each_text(s.software) AS one
     WHERE ${conditions} GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT ${MAX_COUNTED}`,
    values,
  );
  const counted = (what: number, names: readonly string[]): Record<string, number> => {
    const found = new Map(rows.filter((row) => row.what === what).map(({ one, devices }) => [one, devices]));
    return Object.fromEntries(names.map((name) => [name, Number(found.get(name) ?? 0)]));
  };
  const versions = rows
    .filter(({ what }) => what === BY.appVersion)
    .map(({ device_type, app_version, devices }) => ({
      deviceType: device_type ?? '',
      name: app_version ?? '',
      devices: Number(devices),
    }));
  const types = new Map<string, number>();
  for (const { deviceType, devices } of versions)
    types.set(deviceType, (types.get(deviceType) ?? 0) + devices);
  const connectivity = counted(BY.connectivity, CONNECTIVITIES) as unknown as FleetSummary['connectivity'];
  return {
    total: versions.reduce((sum, { devices }) => sum + devices, 0),
    connectivity,
    syncStates: counted(BY.syncState, SYNC_STATES),
    interfaces: counted(BY.interface, INTERFACES),
    deviceTypes: mostFrequent([...types].map(([name, devices]) => ({ name, devices }))),
    appVersions: mostFrequent(versions),
    software: software.map((row) => ({ ...row, devices: Number(row.devices) })),
  };
};

const mostFrequent = <Counted extends { readonly name: string; readonly devices: number }>(
  all: readonly Counted[],
): Counted[] =>
  all.toSorted((a, b) => b.devices - a.devices || (a.name < b.name ? -1 : 1)).slice(0, MAX_COUNTED);
