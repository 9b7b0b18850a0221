import { AppError } from '@muster/contracts';
import type { TokenStatus } from '@muster/contracts/device-registry/tokens.requests';
import type { Database } from '@muster/event-store';
import { hashOf, newToken } from '../secret-token.js';

/**
 * Leave to upload, for some time. Only hashes are kept. None is issued to an endpoint token that is suspended or revoked; and
 * what is issued opens nothing once an endpoint token or a secret of the device was suspended or revoked.
 */
export class UploadTokens {
  constructor(
    private readonly database: Database,
    private readonly lifeSeconds: number,
  ) {}

  /** Throws `token-suspended`, `token-revoked`. */
  async issue(
    tenantId: string,
    deviceId: string,
    endpointTokenId: string,
  ): Promise<{ token: string; expiresAt: string }> {
    const { rows } = await this.database.query<{ status: TokenStatus }>(
      'SELECT status FROM endpoint_tokens WHERE tenant_id = $1 AND token_id = $2',
      [tenantId, endpointTokenId],
    );
    const status = rows[0]?.status;
    if (status === 'suspended' || status === 'revoked') {
      throw new AppError(`token-${status}`, `The endpoint token is ${status}.`);
    }
    const token = newToken();
    const expiresAt = new Date(Date.now() + this.lifeSeconds * 1_000).toISOString();
    await this.database.query(
      `INSERT INTO upload_tokens (token_hash, tenant_id, device_id, endpoint_token_id, expires_at, revocation)
       VALUES ($1, $2, $3, $4, $5, coalesce(
         (SELECT version FROM device_revocations WHERE tenant_id = $2 AND device_id = $3), 0))`,
      [hashOf(token), tenantId, deviceId, endpointTokenId, expiresAt],
    );
    return { token, expiresAt };
  }

  /** Throws `not-allowed`. */
  async resolve(token: string): Promise<{ tenantId: string; deviceId: string }> {
    const { rows } = await this.database.query<{ tenant_id: string; device_id: string }>({
      name: 'resolve-upload-token',
      text: `SELECT u.tenant_id, u.device_id FROM upload_tokens u
             LEFT JOIN endpoint_tokens e ON e.tenant_id = u.tenant_id AND e.token_id = u.endpoint_token_id
             LEFT JOIN known_devices d ON d.tenant_id = u.tenant_id AND d.device_id = u.device_id
             LEFT JOIN device_revocations r ON r.tenant_id = u.tenant_id AND r.device_id = u.device_id
             WHERE u.token_hash = $1 AND u.expires_at > now() AND r.version > u.revocation IS NOT TRUE
               AND coalesce(e.status, 'active') NOT IN ('suspended', 'revoked') AND d.deleted IS NOT TRUE`,
      values: [hashOf(token)],
    });
    const [row] = rows;
    if (row === undefined)
      throw new AppError('not-allowed', 'The upload token is not valid, or not any more.');
    return { tenantId: row.tenant_id, deviceId: row.device_id };
  }

  /** In any order and any number of times: the newest status stays. */
  async learnEndpointTokens(
    tokens: readonly {
      readonly tenantId: string;
      readonly tokenId: string;
      readonly status: TokenStatus;
      readonly version: number;
    }[],
  ): Promise<void> {
    if (tokens.length === 0) return;
    await this.database.query(
      `INSERT INTO endpoint_tokens AS k (tenant_id, token_id, status, version)
       SELECT DISTINCT ON (n.t, n.id) n.t, n.id, n.s, n.v
       FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[]) AS n (t, id, s, v)
       ORDER BY n.t, n.id, n.v DESC
       ON CONFLICT (tenant_id, token_id) DO UPDATE SET status = excluded.status, version = excluded.version
       WHERE excluded.version > k.version`,
      [
        tokens.map((token) => token.tenantId),
        tokens.map((token) => token.tokenId),
        tokens.map((token) => token.status),
        tokens.map((token) => token.version),
      ],
    );
  }

  /** Returns how many went, at most `most`. SKIP LOCKED, so that replicas may do it at once. */
  async forgetExpired(most: number): Promise<number> {
    const { rowCount } = await this.database.query(
      `DELETE FROM upload_tokens WHERE ctid IN (
         SELECT ctid FROM upload_tokens WHERE expires_at < now() LIMIT $1 FOR UPDATE SKIP LOCKED)`,
      [most],
    );
    return rowCount ?? 0;
  }
}
