import { AppError, type ErrorCode } from '@muster/contracts';
import type {
  CredentialStatus,
  DeviceCredential,
} from '@muster/contracts/device-registry/credentials.requests';
import { uniqueViolation, type Projection, type Queryable, type RecordedEvent } from '@muster/event-store';
import type pg from 'pg';
import type {
  CredentialIssued,
  CredentialRemoved,
  CredentialStatusChanged,
  CredentialValidityChanged,
  DeviceDeleted,
  IssuedKind,
} from '../device/device.events.js';

type CredentialEvent =
  CredentialIssued | CredentialStatusChanged | CredentialValidityChanged | CredentialRemoved | DeviceDeleted;

/** Credentials with their status and time, without hashes. With a device they go, and the hashes too. One statement per event: they change rarely. */
export const deviceCredentials: Projection = {
  name: 'device-credentials',
  handles: [
    'CredentialIssued',
    'CredentialStatusChanged',
    'CredentialValidityChanged',
    'CredentialRemoved',
    'DeviceDeleted',
  ],
  project: async (tx, events) => {
    // `handles` names these five.
    for (const event of events as readonly RecordedEvent<CredentialEvent>[]) {
      try {
        await projectOne(tx, event);
      } catch (error) {
        throw brokenRule(error);
      }
    }
  },
  /** The hashes stay: no event could bring them back. */
  reset: async (tx) => {
    await tx.query('DELETE FROM device_credentials');
    await tx.query('DELETE FROM device_usernames');
  },
};

const projectOne = async (tx: pg.PoolClient, event: RecordedEvent<CredentialEvent>): Promise<void> => {
  switch (event.type) {
    case 'CredentialIssued':
      await insert(tx, event);
      return;
    case 'CredentialStatusChanged':
      await tx.query('UPDATE device_credentials SET status = $3 WHERE tenant_id = $1 AND id = $2', [
        event.tenantId,
        event.data.credentialId,
        event.data.to,
      ]);
      return;
    case 'CredentialValidityChanged': {
      const { validFrom = null, validUntil = null } = event.data.to;
      await tx.query(
        'UPDATE device_credentials SET valid_from = $3, valid_until = $4 WHERE tenant_id = $1 AND id = $2',
        [event.tenantId, event.data.credentialId, validFrom, validUntil],
      );
      return;
    }
    case 'CredentialRemoved':
      for (const table of ['device_credentials', 'device_secrets', 'device_passwords', 'last_uses']) {
        await tx.query(`DELETE FROM ${table} WHERE tenant_id = $1 AND id = $2`, [
          event.tenantId,
          event.data.credentialId,
        ]);
      }
      return;
    case 'DeviceDeleted':
      await tx.query(
        `DELETE FROM last_uses WHERE (tenant_id, id) IN
           (SELECT tenant_id, id FROM device_credentials WHERE tenant_id = $1 AND device_id = $2)`,
        [event.tenantId, event.streamId],
      );
      for (const table of ['device_credentials', 'device_secrets', 'device_passwords', 'device_usernames']) {
        await tx.query(`DELETE FROM ${table} WHERE tenant_id = $1 AND device_id = $2`, [
          event.tenantId,
          event.streamId,
        ]);
      }
      return;
  }
};

const insert = async (tx: pg.PoolClient, event: RecordedEvent<CredentialIssued>): Promise<void> => {
  const { credentialId, kind, issuedAt, status = 'active', validFrom, validUntil } = event.data;
  const { username, sha256, subject, authorityId } = event.data;
  await tx.query(
    `INSERT INTO device_credentials (tenant_id, id, device_id, kind, status, created_at, valid_from, valid_until,
       username, sha256, subject, authority_id)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
    [
      event.tenantId,
      credentialId,
      event.streamId,
      kind,
      status,
      issuedAt,
      validFrom ?? null,
      validUntil ?? null,
      username ?? null,
      sha256 ?? null,
      subject ?? null,
      authorityId ?? null,
    ],
  );
  if (username === undefined) return;
  await tx.query(
    `INSERT INTO device_usernames (tenant_id, device_id, username) SELECT $1, $2, $3
     WHERE NOT EXISTS (SELECT FROM device_usernames WHERE tenant_id = $1 AND device_id = $2 AND username = $3)`,
    [event.tenantId, event.streamId, username],
  );
};

/** By unique index: what its violation means. */
const TAKEN: Readonly<Record<string, [ErrorCode, string]>> = {
  device_usernames_username: ['username-taken', 'Another device has this user name.'],
  device_credentials_sha256: ['certificate-taken', 'Another credential has this certificate.'],
  device_credentials_subject: ['subject-taken', 'Another credential has this subject.'],
};

const brokenRule = (error: unknown): unknown => {
  const [code, detail] = TAKEN[uniqueViolation(error) ?? ''] ?? [];
  return code === undefined ? error : new AppError(code, detail ?? '', { cause: error });
};

export interface CredentialRow {
  id: string;
  kind: IssuedKind;
  status: CredentialStatus;
  created_at: Date;
  valid_from: Date | null;
  valid_until: Date | null;
  username: string | null;
  sha256: string | null;
  subject: string | null;
  authority_id: string | null;
  used_at: Date | null;
}

const SELECT = `
  SELECT c.id, c.kind, c.status, c.created_at, c.valid_from, c.valid_until, c.username, c.sha256, c.subject, c.authority_id,
    u.used_at
  FROM device_credentials c LEFT JOIN last_uses u ON u.tenant_id = c.tenant_id AND u.id = c.id`;

/** Oldest first: ids are made in the order of time. `after`: the last id of the page before. */
export const credentialsOf = async (
  from: Queryable,
  tenantId: string,
  deviceId: string,
  { after = '', limit }: { readonly after?: string | undefined; readonly limit: number },
): Promise<(DeviceCredential & { readonly kind: IssuedKind })[]> => {
  const { rows } = await from.query<CredentialRow>({
    name: 'credentials-of',
    text: `${SELECT} WHERE c.tenant_id = $1 AND c.device_id = $2 AND c.id > $3 ORDER BY c.id LIMIT $4`,
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
): Promise<(DeviceCredential & { readonly kind: IssuedKind }) | undefined> => {
  const { rows } = await from.query<CredentialRow>({
    name: 'find-credential',
    text: `${SELECT} WHERE c.tenant_id = $1 AND c.device_id = $2 AND c.id = $3`,
    values: [tenantId, deviceId, credentialId],
  });
  return rows[0] === undefined ? undefined : viewOf(rows[0]);
};

const viewOf = (row: CredentialRow): DeviceCredential & { readonly kind: IssuedKind } => ({
  id: row.id,
  kind: row.kind,
  status: row.status,
  ...(row.valid_from === null ? {} : { validFrom: row.valid_from.toISOString() }),
  ...(row.valid_until === null ? {} : { validUntil: row.valid_until.toISOString() }),
  ...(row.used_at === null ? {} : { lastUsedAt: row.used_at.toISOString() }),
  ...(row.username === null ? {} : { username: row.username }),
  ...(row.sha256 === null ? {} : { sha256: row.sha256 }),
  ...(row.subject === null ? {} : { subject: row.subject }),
  ...(row.authority_id === null ? {} : { authorityId: row.authority_id }),
  createdAt: row.created_at.toISOString(),
});
