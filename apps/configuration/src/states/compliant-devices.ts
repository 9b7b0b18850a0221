import type { JsonObject, JsonValue } from '@muster/contracts';
import type { CompareConfigurations } from '@muster/contracts/configuration/campaign.requests';
import { sameJson } from '@muster/contracts/same-json';
import { streamName, type Database, type EventStore } from '@muster/event-store';
import type { DeviceConfiguration } from '../device-configuration/configuration-state.js';
import { deviceConfiguration } from '../device-configuration/device-configuration.decider.js';

type Wish = Pick<CompareConfigurations, 'configurations' | 'expectedStates'>;

/**
 * The devices that have the values already. The database compares, so that of 100,000 devices only ids travel; states
 * that another version of this service has stored are folded anew and compared here.
 */
export const compliantDevices = async (
  database: Database,
  store: EventStore,
  { tenantId, deviceIds, ...wish }: CompareConfigurations,
): Promise<string[]> => {
  const { own, none, reported } = termsOf(wish);
  const { rows } = await database.query<{ device_id: string; stored_by_another: boolean }>(
    `SELECT d.id AS device_id, s.state_version <> $3 AS stored_by_another
     FROM unnest($2::text[], $4::text[]) AS d (id, stream)
     JOIN streams s ON s.tenant_id = $1 AND s.stream = d.stream
     WHERE s.state_version <> $3 OR (
       NOT (s.state->>'ended')::boolean
       AND NOT EXISTS (SELECT 1 FROM jsonb_each($5::jsonb) AS own
                       WHERE s.state->'desired'->own.key->>'origin' IS DISTINCT FROM 'device'
                          OR s.state->'desired'->own.key->'value' IS DISTINCT FROM own.value)
       AND NOT EXISTS (SELECT 1 FROM unnest($6::text[]) AS none (key)
                       WHERE s.state->'desired'->none.key->>'origin' = 'device')
       AND NOT EXISTS (SELECT 1 FROM jsonb_each($7::jsonb) AS told
                       WHERE s.state->'reported'->told.key->'value' IS DISTINCT FROM told.value))`,
    [
      tenantId,
      deviceIds,
      deviceConfiguration.stateVersion,
      deviceIds.map((id) => streamName(deviceConfiguration.name, id)),
      JSON.stringify(own),
      none,
      JSON.stringify(reported),
    ],
  );
  const others = rows.filter((row) => row.stored_by_another).map((row) => row.device_id);
  const loaded = await store.loadMany(
    deviceConfiguration,
    others.map((id) => ({ tenantId, id })),
  );
  const folded = new Set(others.filter((_id, index) => isCompliant(loaded[index]?.state, wish)));
  return rows
    .filter((row) => !row.stored_by_another || folded.has(row.device_id))
    .map((row) => row.device_id);
};

/** The same as the statement says. */
const isCompliant = (state: DeviceConfiguration | undefined, wish: Wish): boolean => {
  if (state === undefined || state.ended) return false;
  const { own, none, reported } = termsOf(wish);
  const desired = new Map(Object.entries(state.desired));
  const told = new Map(Object.entries(state.reported));
  return (
    Object.entries(own).every(
      ([key, value]) => desired.get(key)?.origin === 'device' && sameJson(desired.get(key)?.value, value),
    ) &&
    none.every((key) => desired.get(key)?.origin !== 'device') &&
    Object.entries(reported).every(([key, value]) => told.has(key) && sameJson(told.get(key)?.value, value))
  );
};

/** Own values that it must have, keys that must have none, values that must be reported. */
const termsOf = ({ configurations, expectedStates }: Wish) => {
  const entries: [string, JsonValue][] = Object.entries(configurations);
  const own: JsonObject = Object.fromEntries(entries.filter(([, value]) => value !== null));
  const none = entries.filter(([, value]) => value === null).map(([key]) => key);
  const reported = Object.keys(expectedStates).length > 0 ? expectedStates : own;
  return { own, none, reported };
};
