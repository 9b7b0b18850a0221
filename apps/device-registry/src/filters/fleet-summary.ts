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

/**
 * Of the devices `d` of a condition. By `grouping` so that each is read once, for all that is asked.
 */
const COUNT_SOME = (conditions: string): string => `
  SELECT grouping(interface, connectivity, sync_state, app_version) AS what, device_type_id, app_version,
    coalesce(interface, connectivity, sync_state) AS one, count(*) AS devices
  FROM (SELECT d.device_type_id, d.app_version, d.interface, ${CONNECTIVITY} AS connectivity, ${SYNC_STATE} AS sync_state
        FROM devices d ${FILTER_JOINS} WHERE ${conditions}) AS fleet
  GROUP BY GROUPING SETS ((interface), (connectivity), (sync_state), (device_type_id, app_version))`;

/**
 * Of all devices of a tenant each table is counted by itself: to join a million devices with what is known of them took longer
 * than the 4 s that a filter may take. Devices of which nothing is
 * known have no row: see `countAbsent`. Only of a device that was seen and of whose connections nothing is known does it
 * matter by what it connects. Grouped by plain columns first, which several workers do together: by grouping sets, and by a
 * CASE that it cannot estimate, PostgreSQL counts alone.
 */
const COUNT_ALL = `
  SELECT CASE grouping(d.interface) WHEN 0 THEN ${BY.interface} ELSE ${BY.appVersion} END AS what, d.device_type_id, d.app_version,
    d.interface AS one, sum(d.devices) AS devices
  FROM (SELECT interface, device_type_id, app_version, count(*) AS devices FROM devices WHERE tenant_id = $1 GROUP BY 1, 2, 3) d
  GROUP BY GROUPING SETS ((d.interface), (d.device_type_id, d.app_version))
  UNION ALL
  SELECT ${BY.connectivity}, NULL, NULL,
    CASE WHEN c.connected THEN 'connected' WHEN c.is_unseen THEN 'neverSeen' ELSE 'disconnected' END AS one, c.devices
  FROM (SELECT connected, last_seen_at IS NULL AS is_unseen, count(*) AS devices FROM device_connectivity
        WHERE tenant_id = $1 GROUP BY 1, 2) c
  WHERE c.connected IS NOT NULL OR c.is_unseen
  UNION ALL
  SELECT ${BY.connectivity}, NULL, NULL, ${CONNECTIVITY} AS one, count(*)
  FROM device_connectivity c JOIN devices d ON d.tenant_id = $1 AND d.id = c.device_id
  WHERE c.tenant_id = $1 AND c.connected IS NULL AND c.last_seen_at IS NOT NULL GROUP BY one
  UNION ALL
  SELECT ${BY.syncState}, NULL, NULL, ${SYNC_STATE} AS one, count(*) FROM device_state st WHERE st.tenant_id = $1 GROUP BY one`;

/** What devices said that they run: `s.software`. Of all devices without the devices themselves. */
const softwareOf = (conditions: string | undefined): string =>
  conditions === undefined
    ? 'device_software s CROSS JOIN LATERAL jsonb_each_text(s.software) AS one WHERE s.tenant_id = $1'
    : `devices d ${FILTER_JOINS} CROSS JOIN LATERAL jsonb_each_text(s.software) AS one WHERE ${conditions}`;

/** Counts every device of the condition once; undefined: every device. */
export const summarize = async (
  tx: pg.PoolClient,
  tenantId: string,
  which: DeviceCondition | undefined,
): Promise<FleetSummary> => {
  const { conditions, values } = conditionsOf(undefined, { tenantId, which, after: undefined, limit: 0 });
  const { rows } = await tx.query<CountRow>(
    `SELECT f.what, t.name AS device_type, f.app_version, f.one, f.devices
     FROM (${which === undefined ? COUNT_ALL : COUNT_SOME(conditions)}) f
     LEFT JOIN device_types t ON t.tenant_id = $1 AND t.id = f.device_type_id`,
    values,
  );
  const { rows: software } = await tx.query<{ software: string; version: string; devices: string }>(
    `SELECT one.key AS software, one.value AS version, count(*) AS devices
     FROM ${softwareOf(which === undefined ? undefined : conditions)} GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT ${MAX_COUNTED}`,
    values,
  );
  const counted = (what: number, names: readonly string[]): Record<string, number> => {
    const own = rows.filter((row) => row.what === what);
    const of = (name: string): number =>
      own.reduce((sum, { one, devices }) => sum + (one === name ? Number(devices) : 0), 0);
    return Object.fromEntries(names.map((name) => [name, of(name)]));
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
  const total = versions.reduce((sum, { devices }) => sum + devices, 0);
  const connectivity = counted(BY.connectivity, CONNECTIVITIES);
  const syncStates = counted(BY.syncState, SYNC_STATES);
  return {
    total,
    connectivity: countAbsent(connectivity, 'neverSeen', total) as unknown as FleetSummary['connectivity'],
    syncStates: countAbsent(syncStates, 'none', total),
    interfaces: counted(BY.interface, INTERFACES),
    deviceTypes: mostFrequent([...types].map(([name, devices]) => ({ name, devices }))),
    appVersions: mostFrequent(versions),
    software: software.map((row) => ({ ...row, devices: Number(row.devices) })),
  };
};

/** Devices that have no row are what a device is of which nothing is known. With a condition they are counted already. */
const countAbsent = (counts: Record<string, number>, as: string, total: number): Record<string, number> => {
  const present = Object.values(counts).reduce((sum, devices) => sum + devices, 0);
  return { ...counts, [as]: (counts[as] ?? 0) + Math.max(0, total - present) };
};

const mostFrequent = <Counted extends { readonly name: string; readonly devices: number }>(
  all: readonly Counted[],
): Counted[] =>
  all.toSorted((a, b) => b.devices - a.devices || (a.name < b.name ? -1 : 1)).slice(0, MAX_COUNTED);
