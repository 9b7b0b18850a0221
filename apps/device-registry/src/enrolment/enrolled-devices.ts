import type { DeviceStatus } from '@muster/contracts/device-registry/devices.requests';
import type { Queryable } from '@muster/event-store';

export const deviceWithName = async (
  from: Queryable,
  tenantId: string,
  name: string,
): Promise<string | undefined> => {
  const { rows } = await from.query<{ id: string }>({
    name: 'device-with-name',
    text: 'SELECT id FROM devices WHERE tenant_id = $1 AND name = $2',
    values: [tenantId, name],
  });
  return rows[0]?.id;
};

/** Serial numbers are unique in the tenant. */
export const deviceWithSerialNumber = async (
  from: Queryable,
  tenantId: string,
  serialNumber: string,
): Promise<string | undefined> => {
  const { rows } = await from.query<{ id: string }>({
    name: 'device-with-serial-number',
    text: 'SELECT id FROM devices WHERE tenant_id = $1 AND serial_number = $2',
    values: [tenantId, serialNumber],
  });
  return rows[0]?.id;
};

/** A device that has enrolled and has not come yet. */
export interface NotYetSeen {
  readonly deviceId: string;
  readonly status: DeviceStatus;
  readonly appVersion: string;
  /** What it was given. */
  readonly credentialId: string;
  readonly token: string;
}

/**
 * The device of this name that enrolled with this key, if nothing was ever heard of it and its token and credential are still
 * those that it was given.
 */
export const neverUsedCredential = async (
  from: Queryable,
  wanted: {
    readonly tenantId: string;
    readonly claimKeyId: string;
    readonly name: string;
    readonly serialNumber?: string | null | undefined;
  },
): Promise<NotYetSeen | undefined> => {
  const { rows } = await from.query<NotYetSeen>({
    name: 'never-used-credential',
    text: `
      SELECT d.id AS "deviceId", d.status, d.app_version AS "appVersion", c.id AS "credentialId", e.token
      FROM devices d
      JOIN device_credentials c ON c.tenant_id = d.tenant_id AND c.device_id = d.id AND c.status = 'active'
      JOIN device_tokens t ON t.tenant_id = d.tenant_id AND t.device_id = d.id AND t.status = 'inactive'
      JOIN endpoint_tokens e ON e.tenant_id = t.tenant_id AND e.id = t.id
      WHERE d.tenant_id = $1 AND d.enrolled_by = $2 AND d.name = $3 AND d.serial_number IS NOT DISTINCT FROM $4
        AND NOT EXISTS (SELECT FROM last_uses u WHERE u.tenant_id = c.tenant_id AND u.id = c.id)
        AND NOT EXISTS (SELECT FROM device_connectivity o WHERE o.tenant_id = d.tenant_id AND o.device_id = d.id)`,
    values: [wanted.tenantId, wanted.claimKeyId, wanted.name, wanted.serialNumber ?? null],
  });
  // More than one: an operator has given it more.
  return rows.length === 1 ? rows[0] : undefined;
};
