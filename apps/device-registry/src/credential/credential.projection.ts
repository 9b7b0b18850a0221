import type {
  CredentialStatus,
  DeviceCredential,
} from '@muster/contracts/device-registry/credentials.requests';
import type { CredentialKind } from '@muster/contracts/device-registry/devices.requests';
import type { Projection, Queryable, RecordedEvent } from '@muster/event-store';
import type {
  CredentialIssued,
  CredentialRemoved,
  CredentialStatusChanged,
  DeviceDeleted,
} from '../device/device.events.js';

type CredentialEvent = CredentialIssued | CredentialStatusChanged | CredentialRemoved | DeviceDeleted;

/** Credentials and their status, without hashes. With a device they go, and the hashes too. One statement per event: they change rarely. */
export const deviceCredentials: Projection = {
  name: 'device-credentials',
  handles: ['CredentialIssued', 'CredentialStatusChanged', 'CredentialRemoved', 'DeviceDeleted'],
  project: async (tx, events) => {
    // `handles` names these four.
    for (const event of events as readonly RecordedEvent<CredentialEvent>[]) {
      switch (event.type) {
        case 'CredentialIssued':
          await tx.query(
            `INSERT INTO device_credentials (tenant_id, id, device_id, kind, status, created_at)
             VALUES ($1, $2, $3, $4, 'active', $5)`,
            [event.tenantId, event.data.credentialId, event.streamId, event.data.kind, event.data.issuedAt],
          );
          break;
        case 'CredentialStatusChanged':
          await tx.query('UPDATE device_credentials SET status = $3 WHERE tenant_id = $1 AND id = $2', [
            event.tenantId,
            event.data.credentialId,
            event.data.to,
          ]);
          break;
        case 'CredentialRemoved':
          for (const table of ['device_credentials', 'device_secrets']) {
            await tx.query(`DELETE FROM ${table} WHERE tenant_id = $1 AND id = $2`, [
              event.tenantId,
              event.data.credentialId,
            ]);
          }
          break;
        case 'DeviceDeleted':
          for (const table of ['device_credentials', 'device_secrets']) {
            await tx.query(`DELETE FROM ${table} WHERE tenant_id = $1 AND device_id = $2`, [
              event.tenantId,
              event.streamId,
            ]);
          }
          break;
      }
    }
  },
  /** The hashes stay: no event could bring them back. */
  reset: async (tx) => {
    await tx.query('DELETE FROM device_credentials');
  },
};

interface CredentialRow {
  id: string;
  kind: CredentialKind;
  status: CredentialStatus;
  created_at: Date;
}

/** Oldest first: ids are made in the order of time. `after`: the last id of the page before. */
export const credentialsOf = async (
  from: Queryable,
  tenantId: string,
  deviceId: string,
  { after = '', limit }: { readonly after?: string | undefined; readonly limit: number },
): Promise<DeviceCredential[]> => {
  const { rows } = await from.query<CredentialRow>({
    name: 'credentials-of',
    text: `SELECT id, kind, status, created_at FROM device_credentials
           WHERE tenant_id = $1 AND device_id = $2 AND id > $3 ORDER BY id LIMIT $4`,
    values: [tenantId, deviceId, after, limit],
  });
  return rows.map(viewOf);
};

export const countCredentials = async (
  from: Queryable,
  tenantId: string,
  deviceId: string,
): Promise<number> => {
  const { rows } = await from.query<{ count: string }>({
    text: 'SELECT count(*) FROM device_credentials WHERE tenant_id = $1 AND device_id = $2',
    values: [tenantId, deviceId],
  });
  return Number(rows[0]?.count ?? 0);
};

/** Undefined: the device has no such credential. */
export const findCredential = async (
  from: Queryable,
  tenantId: string,
  deviceId: string,
  credentialId: string,
): Promise<DeviceCredential | undefined> => {
  const { rows } = await from.query<CredentialRow>({
    name: 'find-credential',
    text: `SELECT id, kind, status, created_at FROM device_credentials
           WHERE tenant_id = $1 AND device_id = $2 AND id = $3`,
    values: [tenantId, deviceId, credentialId],
  });
  return rows[0] === undefined ? undefined : viewOf(rows[0]);
};

const viewOf = (row: CredentialRow): DeviceCredential => ({
  id: row.id,
  kind: row.kind,
  status: row.status,
  createdAt: row.created_at.toISOString(),
});
