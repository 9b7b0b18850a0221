import { AppError } from '@muster/contracts';
import type { DeviceInterface } from '@muster/contracts/device-registry/devices.requests';
import type { LearnHub } from '@muster/contracts/device-registry/iot-hubs.requests';
import { wrongHubDeviceId } from '@muster/contracts/iothub-adapter/hub-device-id';
import type { Queryable } from '@muster/event-store';

/** What is newer than what is known; events may come in any order, and again. */
export const keepHub = async (
  to: Queryable,
  { tenantId, hubId, version, deviceTypes }: LearnHub,
): Promise<void> => {
  await to.query({
    text: `INSERT INTO iot_hubs AS h (tenant_id, hub_id, version, device_types) VALUES ($1, $2, $3, $4)
           ON CONFLICT (tenant_id, hub_id) DO UPDATE SET version = excluded.version, device_types = excluded.device_types
           WHERE h.version < excluded.version`,
    values: [tenantId, hubId, version, deviceTypes ?? null],
  });
};

/** Whether devices of a type are in an IoT Hub of the tenant. */
export type HasHub = (deviceTypeId: string) => boolean;

export const hubsOf = async (from: Queryable, tenantId: string): Promise<HasHub> => {
  const { rows } = await from.query<{ device_types: string[] }>({
    text: 'SELECT device_types FROM iot_hubs WHERE tenant_id = $1 AND device_types IS NOT NULL',
    values: [tenantId],
  });
  return (deviceTypeId) =>
    rows.some(({ device_types: types }) => types.length === 0 || types.includes(deviceTypeId));
};

/**
 * Throws `invalid-request` where a device of the interface iothub would be in no hub, or its endpoint token (undefined: not
 * asked for) cannot be its id there; of other interfaces nothing.
 */
export const assertInHub = (
  hasHub: HasHub,
  by: DeviceInterface,
  deviceTypeId: string,
  token: string | undefined,
): void => {
  if (by !== 'iothub') return;
  if (!hasHub(deviceTypeId)) {
    throw refused(
      'interface',
      'must be another: no IoT Hub takes devices of this type; add one at /iot-hubs',
    );
  }
  const wrong = token === undefined ? undefined : wrongHubDeviceId(token);
  if (wrong !== undefined) throw refused('token', wrong);
};

const refused = (path: string, message: string): AppError =>
  new AppError('invalid-request', `${path} ${message}`, { errors: [{ path, message }] });
