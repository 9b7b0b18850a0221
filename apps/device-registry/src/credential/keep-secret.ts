import type pg from 'pg';
import type { PlannedCredential } from './credential-plan.js';

/** Keeps the hash of what is secret in the transaction of its event; the text itself is kept nowhere. */
export const keepSecret = async (
  tx: pg.PoolClient,
  { tenantId, deviceId }: { readonly tenantId: string; readonly deviceId: string },
  { next: { credentialId }, sha256, passwordHash }: PlannedCredential,
): Promise<void> => {
  if (sha256 !== undefined) {
    await tx.query({
      name: 'keep-secret',
      text: 'INSERT INTO device_secrets (tenant_id, id, device_id, sha256) VALUES ($1, $2, $3, $4)',
      values: [tenantId, credentialId, deviceId, sha256],
    });
  }
  if (passwordHash !== undefined) {
    await tx.query({
      name: 'keep-password',
      text: 'INSERT INTO device_passwords (tenant_id, id, device_id, hash) VALUES ($1, $2, $3, $4)',
      values: [tenantId, credentialId, deviceId, passwordHash],
    });
  }
};
