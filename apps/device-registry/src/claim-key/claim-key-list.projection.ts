import { AppError } from '@muster/contracts';
import type { ClaimKeyStatus, ClaimKeyView } from '@muster/contracts/device-registry/claim-keys.requests';
import { uniqueViolation, type Projection, type Queryable, type RecordedEvent } from '@muster/event-store';
import type pg from 'pg';
import { hashOfSecret } from '../credential/secret.js';
import type { ClaimKeyEvent } from './claim-key.events.js';

/** Claim keys for lists and for the rule on names; without their hashes, which go with them. */
export const claimKeyList: Projection = {
  name: 'claim-key-list',
  handles: [
    'ClaimKeyIssued',
    'ClaimKeyRenamed',
    'ClaimKeyStatusChanged',
    'ClaimKeyLimitChanged',
    'ClaimKeyValidityChanged',
    'ClaimKeyFolderChanged',
    'ClaimKeyEnrolledDevice',
    'ClaimKeyDeleted',
  ],
  project: async (tx, events) => {
    // `handles` names the events of this aggregate and no others.
    for (const event of events as readonly RecordedEvent<ClaimKeyEvent>[]) {
      try {
        await projectOne(tx, event);
      } catch (error) {
        if (uniqueViolation(error) !== 'claim_keys_name') throw error;
        throw new AppError('claim-key-name-taken', 'Another claim key has this name.', { cause: error });
      }
    }
  },
  /** The hashes stay: no event could bring them back. */
  reset: async (tx) => {
    await tx.query('DELETE FROM claim_keys');
  },
};

const projectOne = async (tx: pg.PoolClient, event: RecordedEvent<ClaimKeyEvent>): Promise<void> => {
  const key = [event.tenantId, event.streamId];
  const set = (assignments: string, ...values: readonly unknown[]): Promise<unknown> =>
    tx.query(`UPDATE claim_keys SET version = $3, ${assignments} WHERE tenant_id = $1 AND id = $2`, [
      ...key,
      event.version,
      ...values,
    ]);
  switch (event.type) {
    case 'ClaimKeyIssued': {
      const { name, hint, device, limit, validity, issuedAt } = event.data;
      await tx.query(
        `INSERT INTO claim_keys (tenant_id, id, name, hint, status, device_type_id, app_version, interface, folder, tags, most,
           enrolled, valid_from, valid_until, version, created_at)
         VALUES ($1, $2, $3, $4, 'active', $5, $6, $7, $8, $9, $10, 0, $11, $12, $13, $14)`,
        [
          ...key,
          name,
          hint,
          device.deviceTypeId,
          device.appVersion ?? null,
          device.interface,
          device.folder,
          device.tags,
          limit,
          validity.validFrom ?? null,
          validity.validUntil,
          event.version,
          issuedAt,
        ],
      );
      return;
    }
    case 'ClaimKeyRenamed':
      await set('name = $4', event.data.to);
      return;
    case 'ClaimKeyStatusChanged':
      await set('status = $4', event.data.to);
      return;
    case 'ClaimKeyLimitChanged':
      await set('most = $4', event.data.to);
      return;
    case 'ClaimKeyValidityChanged':
      await set(
        'valid_from = $4, valid_until = $5',
        event.data.to.validFrom ?? null,
        event.data.to.validUntil,
      );
      return;
    case 'ClaimKeyFolderChanged':
      await set('folder = $4', event.data.to);
      return;
    case 'ClaimKeyEnrolledDevice':
      await set('enrolled = enrolled + 1');
      return;
    case 'ClaimKeyDeleted':
      for (const table of ['claim_keys', 'claim_key_hashes']) {
        await tx.query(`DELETE FROM ${table} WHERE tenant_id = $1 AND id = $2`, key);
      }
      return;
  }
};

/** Keeps the hash of a claim key in the transaction of its event; 256 random bits need no slow one. */
export const keepClaimKey = async (
  tx: pg.PoolClient,
  { tenantId, id, text }: { readonly tenantId: string; readonly id: string; readonly text: string },
): Promise<void> => {
  await tx.query('INSERT INTO claim_key_hashes (tenant_id, id, sha256) VALUES ($1, $2, $3)', [
    tenantId,
    id,
    hashOfSecret(text),
  ]);
};

/** Whose claim key that is, of all tenants. */
export const claimKeyOf = async (
  from: Queryable,
  text: string,
): Promise<{ readonly tenantId: string; readonly claimKeyId: string } | undefined> => {
  const { rows } = await from.query<{ tenantId: string; claimKeyId: string }>({
    name: 'claim-key-of',
    text: 'SELECT tenant_id AS "tenantId", id AS "claimKeyId" FROM claim_key_hashes WHERE sha256 = $1',
    values: [hashOfSecret(text)],
  });
  return rows[0];
};

interface ClaimKeyRow {
  id: string;
  name: string;
  hint: string;
  status: ClaimKeyStatus;
  device_type_id: string;
  device_type: string | null;
  app_version: string | null;
  interface: ClaimKeyView['interface'];
  folder: string;
  tags: string[];
  most: number;
  enrolled: number;
  valid_from: Date | null;
  valid_until: Date;
  version: number;
  created_at: Date;
}

const SELECT = `
  SELECT k.id, k.name, k.hint, k.status, k.device_type_id, t.name AS device_type, k.app_version, k.interface, k.folder, k.tags,
    k.most, k.enrolled, k.valid_from, k.valid_until, k.version, k.created_at
  FROM claim_keys k LEFT JOIN device_types t ON t.tenant_id = k.tenant_id AND t.id = k.device_type_id`;

export const findClaimKey = async (
  from: Queryable,
  tenantId: string,
  claimKeyId: string,
): Promise<ClaimKeyView | undefined> => {
  const { rows } = await from.query<ClaimKeyRow>({
    name: 'find-claim-key',
    text: `${SELECT} WHERE k.tenant_id = $1 AND k.id = $2`,
    values: [tenantId, claimKeyId],
  });
  return rows[0] === undefined ? undefined : viewOf(rows[0]);
};

/** Oldest first. */
export const listKeys = async (
  from: Queryable,
  tenantId: string,
  after: string,
  limit: number,
): Promise<ClaimKeyView[]> => {
  const { rows } = await from.query<ClaimKeyRow>({
    text: `${SELECT} WHERE k.tenant_id = $1 AND k.id > $2 ORDER BY k.id LIMIT $3`,
    values: [tenantId, after, limit],
  });
  return rows.map(viewOf);
};

export const countKeys = async (from: Queryable, tenantId: string): Promise<number> => {
  const { rows } = await from.query<{ count: string }>({
    text: 'SELECT count(*) FROM claim_keys WHERE tenant_id = $1',
    values: [tenantId],
  });
  return Number(rows[0]?.count ?? 0);
};

/** Of a type that was deleted since, the id is all that is left. */
const viewOf = (row: ClaimKeyRow): ClaimKeyView => ({
  id: row.id,
  name: row.name,
  hint: row.hint,
  status: row.status,
  deviceType: row.device_type ?? row.device_type_id,
  ...(row.app_version === null ? {} : { appVersion: row.app_version }),
  interface: row.interface,
  folder: row.folder,
  tags: row.tags,
  limit: row.most,
  enrolled: row.enrolled,
  ...(row.valid_from === null ? {} : { validFrom: row.valid_from.toISOString() }),
  validUntil: row.valid_until.toISOString(),
  version: row.version,
  createdAt: row.created_at.toISOString(),
});
