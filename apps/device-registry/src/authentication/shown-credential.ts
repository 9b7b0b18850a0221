import { AppError } from '@muster/contracts';
import type { CredentialStatus } from '@muster/contracts/device-registry/credentials.requests';
import type { DeviceInterface, DeviceStatus } from '@muster/contracts/device-registry/devices.requests';
import type { Queryable } from '@muster/event-store';
import type { IssuedKind } from '../device/device.events.js';
import { phaseAt, type Validity } from '../validity.js';

/** A credential that fits what was shown, with its device. */
export interface FittingCredential extends Validity {
  readonly tenantId: string;
  readonly deviceId: string;
  readonly credentialId: string;
  readonly kind: IssuedKind;
  readonly status: CredentialStatus;
  readonly authorityId: string | undefined;
  readonly deviceStatus: DeviceStatus;
  readonly deviceVersion: number;
  readonly interface: DeviceInterface;
  /** Texts of the endpoint tokens that open something. */
  readonly tokens: readonly string[];
  /** Of a password. */
  readonly hash: string | undefined;
}

interface Row {
  tenant_id: string;
  device_id: string;
  id: string;
  kind: IssuedKind;
  status: CredentialStatus;
  valid_from: Date | null;
  valid_until: Date | null;
  authority_id: string | null;
  device_status: DeviceStatus;
  device_version: number;
  interface: DeviceInterface;
  tokens: string[];
  hash: string | null;
}

const SELECT = `
  SELECT c.tenant_id, c.device_id, c.id, c.kind, c.status, c.valid_from, c.valid_until, c.authority_id,
    d.status AS device_status, d.version AS device_version, d.interface, p.hash,
    ARRAY(SELECT e.token FROM device_tokens t JOIN endpoint_tokens e ON e.tenant_id = t.tenant_id AND e.id = t.id
          WHERE t.device_id = d.id AND t.tenant_id = d.tenant_id AND t.status IN ('inactive', 'active') ORDER BY t.id) AS tokens
  FROM device_credentials c
  JOIN devices d ON d.tenant_id = c.tenant_id AND d.id = c.device_id
  LEFT JOIN device_passwords p ON p.tenant_id = c.tenant_id AND p.id = c.id`;

/** Of all tenants: the user name is what tells whose it is. Those that open something first, then the newest. */
export const passwordsOf = async (from: Queryable, username: string): Promise<FittingCredential[]> => {
  const { rows } = await from.query<Row>({
    name: 'passwords-of',
    text: `${SELECT} JOIN device_usernames u ON u.tenant_id = c.tenant_id AND u.device_id = c.device_id
           WHERE u.username = $1 AND c.username = u.username
           ORDER BY c.status <> 'active', coalesce(c.valid_until < now(), false), c.id DESC LIMIT 3`,
    values: [username],
  });
  return rows.map(fittingOf);
};

export const certificateWith = async (
  from: Queryable,
  sha256: string,
): Promise<FittingCredential | undefined> => {
  const { rows } = await from.query<Row>({
    name: 'certificate-with',
    text: `${SELECT} WHERE c.sha256 = $1`,
    values: [sha256],
  });
  return rows[0] === undefined ? undefined : fittingOf(rows[0]);
};

export const credentialFor = async (
  from: Queryable,
  tenantId: string,
  subject: string,
): Promise<FittingCredential | undefined> => {
  const { rows } = await from.query<Row>({
    name: 'credential-for',
    text: `${SELECT} WHERE c.tenant_id = $1 AND c.subject = $2`,
    values: [tenantId, subject],
  });
  return rows[0] === undefined ? undefined : fittingOf(rows[0]);
};

/** Those of them that there are. */
export const credentialsWith = async (
  from: Queryable,
  ids: readonly { readonly tenantId: string; readonly credentialId: string }[],
): Promise<FittingCredential[]> => {
  const { rows } = await from.query<Row>({
    text: `${SELECT} JOIN unnest($1::text[], $2::text[]) AS u (tenant_id, id) ON u.tenant_id = c.tenant_id AND u.id = c.id`,
    values: [ids.map(({ tenantId }) => tenantId), ids.map(({ credentialId }) => credentialId)],
  });
  return rows.map(fittingOf);
};

const fittingOf = (row: Row): FittingCredential => ({
  tenantId: row.tenant_id,
  deviceId: row.device_id,
  credentialId: row.id,
  kind: row.kind,
  status: row.status,
  ...(row.valid_from === null ? {} : { validFrom: row.valid_from.toISOString() }),
  ...(row.valid_until === null ? {} : { validUntil: row.valid_until.toISOString() }),
  authorityId: row.authority_id ?? undefined,
  deviceStatus: row.device_status,
  deviceVersion: row.device_version,
  interface: row.interface,
  tokens: row.tokens,
  hash: row.hash ?? undefined,
});

/**
 * Whether what was shown opens something for its device at this door. Throws `credential-*`, `device-suspended`,
 * `device-pending`, `not-allowed`.
 */
export const assertOpens = (credential: FittingCredential, door: DeviceInterface, at: string): void => {
  const { status, deviceStatus } = credential;
  if (status === 'revoked') throw new AppError('credential-revoked', 'The credential is revoked.');
  if (status === 'suspended') throw new AppError('credential-suspended', 'The credential is suspended.');
  if (status === 'inactive') throw new AppError('credential-inactive', 'The credential is not active yet.');
  const phase = phaseAt(credential, at);
  if (phase === 'after') {
    throw new AppError(
      'credential-expired',
      `The credential was valid until ${credential.validUntil ?? ''}.`,
    );
  }
  if (phase === 'before') {
    throw new AppError(
      'credential-not-yet-valid',
      `The credential is valid from ${credential.validFrom ?? ''} on.`,
    );
  }
  if (deviceStatus === 'suspended') throw new AppError('device-suspended', 'The device is suspended.');
  if (deviceStatus === 'pending') {
    throw new AppError('device-pending', 'The device waits for the approval of an operator.');
  }
  if (credential.interface !== door) {
    throw new AppError('not-allowed', `The device does not use ${door} but ${credential.interface}.`);
  }
};
