import type { AccessEntry, AccessType } from '@muster/contracts/device-registry/access.requests';
import type { DeviceStatus } from '@muster/contracts/device-registry/devices.requests';
import type { Queryable } from '@muster/event-store';
import type { IssuedKind } from '../device/device.events.js';

interface EntryRow {
  tenant_id: string;
  token: string;
  token_id: string;
  status: AccessEntry['tokenStatus'];
  valid_from: Date | null;
  valid_until: Date | null;
  device_id: string;
  device_type_id: string;
  app_version: string;
  interface: AccessEntry['interface'];
  device_status: DeviceStatus;
  token_only: boolean;
  parent_id: string | null;
  kinds: IssuedKind[];
  secret_hashes: string[];
}

/**
 * Everything here is looked up by its key, row by row: OFFSET 0 keeps the planner from choosing another way. It does where it knows
 * nothing of tables yet that grow by thousands a second, as in an import, and each answer to a door took as long as all devices,
 * or all credentials of a tenant, are many.
 */
const CREDENTIALS = '(SELECT * FROM device_credentials WHERE device_id = d.id OFFSET 0) c';
const OPENS = `c.status = 'active' AND coalesce(c.valid_from <= now(), true) AND coalesce(c.valid_until > now(), true)`;

const SELECT = `
  SELECT t.tenant_id, e.token, t.id AS token_id, t.status, t.valid_from, t.valid_until, t.device_id, d.device_type_id, d.app_version, d.interface,
    d.status AS device_status, d.token_only, d.parent_id,
    ARRAY(SELECT DISTINCT c.kind FROM ${CREDENTIALS} WHERE c.tenant_id = d.tenant_id AND ${OPENS} ORDER BY 1) AS kinds,
    CASE d.interface WHEN 'http' THEN ARRAY(
      SELECT encode(s.sha256, 'hex') FROM (SELECT * FROM device_secrets WHERE device_id = d.id OFFSET 0) s
      JOIN ${CREDENTIALS} ON c.tenant_id = s.tenant_id AND c.id = s.id AND ${OPENS}
      WHERE s.tenant_id = d.tenant_id ORDER BY s.id)
    WHEN 'iothub' THEN ARRAY(
      SELECT c.sha256 FROM ${CREDENTIALS}
      WHERE c.tenant_id = d.tenant_id AND c.kind = 'self-signed' AND ${OPENS} ORDER BY c.id)
    ELSE '{}' END AS secret_hashes
`;

const OF_TOKEN = `
  CROSS JOIN LATERAL (SELECT * FROM endpoint_tokens WHERE tenant_id = t.tenant_id AND id = t.id OFFSET 0) e
  CROSS JOIN LATERAL (SELECT * FROM devices WHERE tenant_id = t.tenant_id AND id = t.device_id OFFSET 0) d`;

/** By tenant and token id; tokens issued while somebody pages come last, since ids rise with time. */
export const entriesAfter = async (
  from: Queryable,
  after: readonly string[] | undefined,
  limit: number,
): Promise<AccessEntry[]> => {
  const { rows } = await from.query<EntryRow>({
    text: `${SELECT} FROM device_tokens t ${OF_TOKEN} WHERE (t.tenant_id, t.id) > ($1, $2) ORDER BY t.tenant_id, t.id LIMIT $3`,
    values: [after?.[0] ?? '', after?.[1] ?? '', limit],
  });
  return rows.map(entryOf);
};

/** Every token of these devices, and these tokens. */
export const accessEntries = async (
  from: Queryable,
  deviceIds: readonly string[],
  tokens: readonly string[],
): Promise<AccessEntry[]> => {
  if (deviceIds.length === 0 && tokens.length === 0) return [];
  // A token that both find comes once.
  const { rows } = await from.query<EntryRow>({
    text: `${SELECT} FROM (
             SELECT t.* FROM unnest($1::text[]) AS w (device_id)
             CROSS JOIN LATERAL (SELECT * FROM device_tokens WHERE device_id = w.device_id OFFSET 0) t
             UNION
             SELECT t.* FROM unnest($2::text[]) AS w (token)
             CROSS JOIN LATERAL (SELECT * FROM endpoint_tokens WHERE token = w.token OFFSET 0) e
             CROSS JOIN LATERAL (SELECT * FROM device_tokens WHERE tenant_id = e.tenant_id AND id = e.id OFFSET 0) t) t
           ${OF_TOKEN}`,
    values: [deviceIds, tokens],
  });
  return rows.map(entryOf);
};

/** Types that exist, with the names of their application versions, oldest first; without the rules for metadata. */
export const accessTypes = async (
  from: Queryable,
  deviceTypeIds: readonly string[],
): Promise<AccessType[]> => {
  if (deviceTypeIds.length === 0) return [];
  const { rows } = await from.query<{
    tenant_id: string;
    id: string;
    settings: AccessType['settings'];
    app_versions: string[];
  }>({
    text: `SELECT t.tenant_id, t.id, t.settings - '{metadataKeys,undeclaredMetadataKeys}'::text[] AS settings, ARRAY(SELECT v.name FROM app_versions v
             WHERE v.tenant_id = t.tenant_id AND v.device_type_id = t.id ORDER BY v.nth) AS app_versions
           FROM device_types t WHERE t.id = ANY($1)`,
    values: [deviceTypeIds],
  });
  return rows.map((row) => ({
    tenantId: row.tenant_id,
    deviceTypeId: row.id,
    appVersions: row.app_versions,
    settings: row.settings,
  }));
};

const entryOf = (row: EntryRow): AccessEntry => ({
  tenantId: row.tenant_id,
  token: row.token,
  tokenId: row.token_id,
  tokenStatus: row.status,
  ...(row.valid_from === null ? {} : { validFrom: row.valid_from.toISOString() }),
  ...(row.valid_until === null ? {} : { validUntil: row.valid_until.toISOString() }),
  deviceId: row.device_id,
  deviceTypeId: row.device_type_id,
  appVersion: row.app_version,
  interface: row.interface,
  ...(row.device_status === 'active' ? {} : { deviceStatus: row.device_status }),
  ...(row.parent_id === null ? {} : { parentId: row.parent_id }),
  // Secrets are for HTTP alone, and the others not for HTTP: of a device that has changed its interface, some count no more.
  credentialKinds: [
    ...(row.interface !== 'http' && row.token_only ? (['token'] as const) : []),
    ...row.kinds.filter((kind) => (kind === 'secret') === (row.interface === 'http')),
  ],
  secretHashes: row.secret_hashes,
});
