import { AppError, type JsonObject, type JsonValue } from '@muster/contracts';
import type { DeviceTypeSettings } from '@muster/contracts/device-registry/device-types.requests';
import type { DeviceStatus, DeviceView } from '@muster/contracts/device-registry/devices.requests';
import {
  foreignKeyViolation,
  uniqueViolation,
  type Projection,
  type Queryable,
  type RecordedEvent,
} from '@muster/event-store';
import type pg from 'pg';
import {
  CONNECTIVITY_COLUMNS,
  CONNECTIVITY_JOIN,
  connectivityOf,
  type ConnectivityRow,
} from '../connectivity/device-connectivity.js';
import type { SyncState } from '@muster/contracts/configuration/sync-state';
import { SOFTWARE_JOIN } from '../software/device-software.js';
import { STATE_JOIN, SYNC_STATE } from '../state/device-states.js';
import type { DeviceDeleted, DeviceEvent, DeviceProvisioned } from './device.events.js';
import type { MetadataRules } from '../metadata/metadata-access.js';

/** Devices as operators see them, and the rules that only a table of all devices can keep. Set-based: sightings come by the hundred. */
export const deviceList: Projection = {
  name: 'device-list',
  handles: [
    'DeviceProvisioned',
    'DeviceRenamed',
    'DeviceMoved',
    'DeviceRetagged',
    'DeviceAppVersionChanged',
    'DeviceInterfaceChanged',
    'DeviceSerialNumberChanged',
    'DevicePositionChanged',
    'DeviceParentChanged',
    'DeviceMetadataChanged',
    'EndpointTokenIssued',
    'EndpointTokenStatusChanged',
    'EndpointTokenValidityChanged',
    'EndpointTokenBegan',
    'EndpointTokenExpired',
    'EndpointTokenRemoved',
    'CredentialIssued',
    'CredentialStatusChanged',
    'CredentialValidityChanged',
    'CredentialBegan',
    'CredentialExpired',
    'CredentialRemoved',
    'DeviceStandingChanged',
    'DeviceTokenOnlyChanged',
    'DeviceDeleted',
  ],
  project: async (tx, events) => {
    // `handles` names the events of this aggregate and no others. A device is provisioned before it changes and deleted
    // after, once each, so the three kinds can be done one after the other.
    const all = events as readonly RecordedEvent<DeviceEvent>[];
    try {
      const inserted = await insert(tx, all);
      await change(tx, all, inserted);
      await remove(tx, all.filter(isDeleted));
    } catch (error) {
      throw brokenRule(error);
    }
  },
  reset: async (tx) => {
    await tx.query('DELETE FROM devices');
  },
};

const isProvisioned = (event: RecordedEvent<DeviceEvent>): event is RecordedEvent<DeviceProvisioned> =>
  event.type === 'DeviceProvisioned';
const keyOf = (event: RecordedEvent<DeviceEvent>): string => `${event.tenantId}\n${event.streamId}`;
/** Of the row these change the version alone. */
const isAboutCredential = (event: RecordedEvent<DeviceEvent>): boolean =>
  event.type === 'EndpointTokenIssued' ||
  event.type === 'EndpointTokenStatusChanged' ||
  event.type === 'EndpointTokenValidityChanged' ||
  event.type === 'EndpointTokenBegan' ||
  event.type === 'EndpointTokenExpired' ||
  event.type === 'EndpointTokenRemoved' ||
  event.type === 'CredentialRemoved' ||
  event.type === 'CredentialIssued' ||
  event.type === 'CredentialStatusChanged' ||
  event.type === 'CredentialValidityChanged' ||
  event.type === 'CredentialBegan' ||
  event.type === 'CredentialExpired';
const isDeleted = (event: RecordedEvent<DeviceEvent>): event is RecordedEvent<DeviceDeleted> =>
  event.type === 'DeviceDeleted';

const INSERTED =
  'tenant_id, id, name, device_type_id, app_version, interface, folder, tags, metadata, serial_number, position, version, ' +
  'created_at, parent_id, status, token_only, enrolled_by';

/** Returns the versions of the new rows by stream: already the last ones, so that a token issued with the device costs no UPDATE. */
const insert = async (
  tx: pg.PoolClient,
  events: readonly RecordedEvent<DeviceEvent>[],
): Promise<ReadonlyMap<string, number>> => {
  const provisioned = events.filter(isProvisioned);
  const versions = new Map(provisioned.map((event) => [keyOf(event), event.version]));
  if (provisioned.length === 0) return versions;
  for (const event of events) if (versions.has(keyOf(event))) versions.set(keyOf(event), event.version);
  const rows = provisioned.map((event) => ({
    tenant_id: event.tenantId,
    id: event.streamId,
    name: event.data.name,
    device_type_id: event.data.deviceTypeId,
    app_version: event.data.appVersion,
    interface: event.data.interface,
    folder: event.data.folder,
    tags: event.data.tags,
    metadata: event.data.metadata,
    serial_number: event.data.serialNumber ?? null,
    position: event.data.position ?? null,
    parent_id: event.data.parentId ?? null,
    version: versions.get(keyOf(event)),
    created_at: event.data.provisionedAt,
    status: event.data.status ?? 'active',
    token_only: event.data.tokenOnly ?? event.data.interface !== 'http',
    enrolled_by: event.data.enrolledBy?.id ?? null,
  }));
  await tx.query({
    name: 'insert-devices',
    text: `INSERT INTO devices (${INSERTED}) SELECT ${INSERTED} FROM jsonb_to_recordset($1::jsonb) AS d (tenant_id text, id text, name text,
             device_type_id text, app_version text, interface text, folder text, tags text[], metadata jsonb,
             serial_number text, position jsonb, version integer, created_at timestamptz,
             parent_id text, status text, token_only boolean, enrolled_by text)`,
    values: [JSON.stringify(rows)],
  });
  return versions;
};

/** What the events of one device make of its row; a column that is not in `set` stays. */
interface RowChange {
  readonly tenantId: string;
  readonly id: string;
  version: number;
  readonly set: Record<string, unknown>;
  /** Key → value; undefined: removed. Null is a value. */
  readonly metadata: Map<string, JsonValue | undefined>;
}

const change = async (
  tx: pg.PoolClient,
  events: readonly RecordedEvent<DeviceEvent>[],
  inserted: ReadonlyMap<string, number>,
): Promise<void> => {
  const changes = new Map<string, RowChange>();
  for (const event of events) {
    if (isProvisioned(event) || isDeleted(event)) continue;
    if (inserted.has(keyOf(event)) && isAboutCredential(event)) continue;
    const key = keyOf(event);
    const row = changes.get(key) ?? {
      tenantId: event.tenantId,
      id: event.streamId,
      version: 0,
      set: {},
      metadata: new Map<string, JsonValue | undefined>(),
    };
    changes.set(key, row);
    row.version = inserted.get(key) ?? event.version; // of a new row already the last
    applyTo(row, event);
  }
  if (changes.size === 0) return;
  const rows = [...changes.values()];
  await tx.query({
    text: `UPDATE devices d SET
             version = c.version,
             name = coalesce(c.set ->> 'name', d.name),
             folder = coalesce(c.set ->> 'folder', d.folder),
             interface = coalesce(c.set ->> 'interface', d.interface),
             app_version = coalesce(c.set ->> 'appVersion', d.app_version),
             tags = CASE WHEN c.set ? 'tags' THEN ARRAY(SELECT jsonb_array_elements_text(c.set -> 'tags')) ELSE d.tags END,
             serial_number = CASE WHEN c.set ? 'serialNumber' THEN c.set ->> 'serialNumber' ELSE d.serial_number END,
             status = coalesce(c.set ->> 'status', d.status),
             token_only = coalesce((c.set ->> 'tokenOnly')::boolean, d.token_only),
             position = CASE WHEN c.set ? 'position' THEN nullif(c.set -> 'position', 'null') ELSE d.position END,
             parent_id = CASE WHEN c.set ? 'parentId' THEN c.set ->> 'parentId' ELSE d.parent_id END,
             metadata = CASE WHEN c.metadata = '{}' AND c.removed = '[]' THEN d.metadata
               ELSE (d.metadata || c.metadata) - ARRAY(SELECT jsonb_array_elements_text(c.removed)) END
           FROM (SELECT tenant_id, id, version, set::jsonb, metadata::jsonb, removed::jsonb
                 FROM unnest($1::text[], $2::text[], $3::integer[], $4::text[], $5::text[], $6::text[])
                   AS u (tenant_id, id, version, set, metadata, removed)) c
           WHERE d.tenant_id = c.tenant_id AND d.id = c.id`,
    values: [
      rows.map((row) => row.tenantId),
      rows.map((row) => row.id),
      rows.map((row) => row.version),
      rows.map((row) => JSON.stringify(row.set)),
      rows.map((row) => JSON.stringify(Object.fromEntries(row.metadata))), // without what is undefined
      rows.map((row) =>
        JSON.stringify([...row.metadata.keys()].filter((key) => row.metadata.get(key) === undefined)),
      ),
    ],
  });
};

const applyTo = (row: RowChange, event: RecordedEvent<DeviceEvent>): void => {
  switch (event.type) {
    case 'DeviceRenamed':
      row.set['name'] = event.data.to;
      return;
    case 'DeviceMoved':
      row.set['folder'] = event.data.to;
      return;
    case 'DeviceAppVersionChanged':
      row.set['appVersion'] = event.data.to;
      return;
    case 'DeviceRetagged':
      row.set['tags'] = event.data.to;
      return;
    case 'DeviceInterfaceChanged':
      row.set['interface'] = event.data.to;
      return;
    case 'DeviceSerialNumberChanged':
      row.set['serialNumber'] = event.data.to;
      return;
    case 'DevicePositionChanged':
      row.set['position'] = event.data.to;
      return;
    case 'DeviceParentChanged':
      row.set['parentId'] = event.data.to;
      return;
    case 'DeviceStandingChanged':
      row.set['status'] = event.data.to;
      return;
    case 'DeviceTokenOnlyChanged':
      row.set['tokenOnly'] = event.data.to;
      return;
    case 'DeviceMetadataChanged':
      for (const [key, { to }] of Object.entries(event.data.changes)) row.metadata.set(key, to);
      return;
    case 'DeviceProvisioned':
    case 'EndpointTokenIssued':
    case 'EndpointTokenStatusChanged':
    case 'EndpointTokenValidityChanged':
    case 'EndpointTokenBegan':
    case 'EndpointTokenExpired':
    case 'EndpointTokenRemoved':
    case 'CredentialIssued':
    case 'CredentialStatusChanged':
    case 'CredentialValidityChanged':
    case 'CredentialBegan':
    case 'CredentialExpired':
    case 'CredentialRemoved':
    case 'DeviceDeleted':
    case 'DeviceErased':
      return; // the version is all these change here
  }
};

const remove = async (tx: pg.PoolClient, events: readonly RecordedEvent<DeviceDeleted>[]): Promise<void> => {
  if (events.length === 0) return;
  const keys = [events.map((event) => event.tenantId), events.map((event) => event.streamId)];
  await tx.query(
    'DELETE FROM devices WHERE (tenant_id, id) IN (SELECT * FROM unnest($1::text[], $2::text[]))',
    keys,
  );
  // Whatever was behind them stays, without a parent. After the deletion, which has waited for whoever was just going behind them.
  await tx.query(
    `UPDATE devices SET parent_id = NULL
     WHERE parent_id IS NOT NULL AND (tenant_id, parent_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
    keys,
  );
};

const brokenRule = (error: unknown): unknown => {
  if (uniqueViolation(error) === 'devices_name') {
    return new AppError('device-name-taken', 'Another device has this name.', { cause: error });
  }
  if (uniqueViolation(error) === 'devices_serial_number') {
    return new AppError('serial-number-taken', 'Another device has this serial number.', { cause: error });
  }
  if (foreignKeyViolation(error) === 'devices_app_version') {
    return new AppError('app-version-not-found', 'There is no such application version.', { cause: error });
  }
  // The type was there when the request was read, and was deleted before the device came.
  if (foreignKeyViolation(error) === 'devices_device_type') {
    return new AppError('device-type-not-found', 'There is no such device type.', { cause: error });
  }
  return error;
};

export interface DeviceRow extends ConnectivityRow {
  id: string;
  name: string;
  device_type_id: string;
  device_type: string;
  app_version: string;
  interface: DeviceView['interface'];
  folder: string;
  tags: string[];
  metadata: JsonObject;
  serial_number: string | null;
  position: DeviceView['position'] | null;
  parent_id: string | null;
  version: number;
  created_at: Date;
  status: DeviceStatus;
  token_only: boolean;
  sync_state: SyncState;
  config_id: string;
}

/** All of a device but its secrets; `WHERE` follows. */
export const SELECT_DEVICES = `
  SELECT d.id, d.name, d.device_type_id, t.name AS device_type, d.app_version, d.interface, d.folder, d.tags, d.metadata,
    d.serial_number, d.position, d.parent_id, d.version, d.created_at, d.status, d.token_only, ${CONNECTIVITY_COLUMNS},
    ${SYNC_STATE} AS sync_state, coalesce(st.config_id, '') AS config_id
  FROM devices d JOIN device_types t ON t.tenant_id = d.tenant_id AND t.id = d.device_type_id ${CONNECTIVITY_JOIN} ${SOFTWARE_JOIN}
    ${STATE_JOIN}`;

/** Throws `device-not-found`. */
export const viewDevice = async (
  from: Queryable,
  tenantId: string,
  deviceId: string,
): Promise<DeviceView> => {
  const { rows } = await from.query<DeviceRow>({
    name: 'view-device',
    text: `${SELECT_DEVICES} WHERE d.tenant_id = $1 AND d.id = $2`,
    values: [tenantId, deviceId],
  });
  if (rows[0] === undefined) throw new AppError('device-not-found', 'There is no such device.');
  return viewOf(rows[0]);
};

/** What a device's type says. Throws `device-not-found`. */
export const settingsOf = async (
  from: Queryable,
  tenantId: string,
  deviceId: string,
): Promise<DeviceTypeSettings> => {
  const { rows } = await from.query<{ settings: DeviceTypeSettings }>({
    name: 'settings-of',
    text: `SELECT t.settings FROM devices d JOIN device_types t ON t.tenant_id = d.tenant_id AND t.id = d.device_type_id
           WHERE d.tenant_id = $1 AND d.id = $2`,
    values: [tenantId, deviceId],
  });
  if (rows[0] === undefined) throw new AppError('device-not-found', 'There is no such device.');
  return rows[0].settings;
};

/** A device's metadata and what its type says of the keys. Throws `device-not-found`. */
export const metadataOf = async (
  from: Queryable,
  tenantId: string,
  deviceId: string,
): Promise<{ readonly metadata: JsonObject; readonly rules: MetadataRules }> => {
  const { rows } = await from.query<{ metadata: JsonObject; rules: MetadataRules }>({
    name: 'metadata-of',
    text: `SELECT d.metadata, t.settings AS rules
           FROM devices d JOIN device_types t ON t.tenant_id = d.tenant_id AND t.id = d.device_type_id
           WHERE d.tenant_id = $1 AND d.id = $2`,
    values: [tenantId, deviceId],
  });
  if (rows[0] === undefined) throw new AppError('device-not-found', 'There is no such device.');
  return rows[0];
};

/** What the types of these devices say of metadata keys, in their order; undefined: there is no such device. */
export const rulesOf = async (
  from: Queryable,
  devices: readonly { readonly tenantId: string; readonly deviceId: string }[],
): Promise<(MetadataRules | undefined)[]> => {
  const { rows } = await from.query<{ tenant_id: string; id: string; rules: MetadataRules }>({
    text: `SELECT d.tenant_id, d.id, t.settings AS rules
           FROM devices d JOIN device_types t ON t.tenant_id = d.tenant_id AND t.id = d.device_type_id
           WHERE (d.tenant_id, d.id) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
    values: [devices.map(({ tenantId }) => tenantId), devices.map(({ deviceId }) => deviceId)],
  });
  const found = new Map(rows.map((row) => [`${row.tenant_id}\n${row.id}`, row.rules]));
  return devices.map(({ tenantId, deviceId }) => found.get(`${tenantId}\n${deviceId}`));
};

export const viewOf = (row: DeviceRow): DeviceView => ({
  id: row.id,
  name: row.name,
  deviceType: row.device_type,
  deviceTypeId: row.device_type_id,
  appVersion: row.app_version,
  interface: row.interface,
  folder: row.folder,
  tags: row.tags,
  metadata: row.metadata,
  ...(row.serial_number === null ? {} : { serialNumber: row.serial_number }),
  ...(row.position ? { position: row.position } : {}),
  ...(row.parent_id === null ? {} : { parentId: row.parent_id }),
  status: row.status,
  tokenOnly: row.token_only,
  connectivity: connectivityOf(row),
  syncState: row.sync_state,
  configId: row.config_id,
  version: row.version,
  createdAt: row.created_at.toISOString(),
});
