import { isAsExpected, reportedOf } from '@muster/contracts/configuration/as-expected';
import type { CompareConfigurations } from '@muster/contracts/configuration/campaign.requests';
import { streamName, type Database, type EventStore } from '@muster/event-store';
import type { DeviceConfiguration } from '../device-configuration/configuration-state.js';
import { deviceConfiguration } from '../device-configuration/device-configuration.decider.js';
import { deviceStateOf } from './device-state.js';

/**
 * The devices that have all of it already, by the rule of supervisions. The database leaves out those that have not even the
 * values, so that of 100,000 devices only few states travel; what another version of this service has stored is folded anew.
 */
export const compliantDevices = async (
  database: Database,
  store: EventStore,
  { tenantId, deviceIds, configurations, expectedStates, expectedFrom = 'any' }: CompareConfigurations,
): Promise<string[]> => {
  const expectation = { configurations, expectedStates, expectedFrom };
  const { rows } = await database.query<{
    device_id: string;
    state: DeviceConfiguration | null;
    stored_by_another: boolean;
  }>(
    `SELECT d.id AS device_id, s.state, coalesce(s.state_version <> $3, false) AS stored_by_another
     FROM unnest($2::text[], $4::text[]) AS d (id, stream)
     LEFT JOIN streams s ON s.tenant_id = $1 AND s.stream = d.stream
     WHERE s.state_version <> $3 OR NOT EXISTS (
       SELECT FROM jsonb_each($5::jsonb) AS wanted WHERE wanted.value <> 'null'
         AND s.state->'desired'->wanted.key->'value' IS DISTINCT FROM wanted.value
       UNION ALL
       SELECT FROM jsonb_each($6::jsonb) AS told WHERE s.state->'reported'->told.key->'value' IS DISTINCT FROM told.value)`,
    [
      tenantId,
      deviceIds,
      deviceConfiguration.stateVersion,
      deviceIds.map((id) => streamName(deviceConfiguration.name, id)),
      JSON.stringify(configurations),
      JSON.stringify(reportedOf(expectation)),
    ],
  );
  const others = rows.filter((row) => row.stored_by_another).map((row) => row.device_id);
  const loaded = await store.loadMany(
    deviceConfiguration,
    others.map((id) => ({ tenantId, id })),
  );
  const folded = new Map(others.map((id, index) => [id, loaded[index]?.state]));
  const keys = [...new Set([...Object.keys(configurations), ...Object.keys(expectedStates)])];
  return rows
    .filter(({ device_id: id, state }) =>
      isAsExpected(
        expectation,
        deviceStateOf(id, folded.get(id) ?? state ?? deviceConfiguration.initial, keys),
      ),
    )
    .map((row) => row.device_id);
};
