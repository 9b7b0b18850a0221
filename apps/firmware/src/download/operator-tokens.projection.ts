import type { Actor } from '@muster/contracts';
import type { DownloadTokenView } from '@muster/contracts/firmware/downloads.requests';
import type { Database, Projection, Queryable, RecordedEvent } from '@muster/event-store';
import type { FirmwareDeleted } from '../firmware/firmware.events.js';
import { hashOf } from '../secret-token.js';
import { tokenNotFound } from './download-token.decider.js';
import type { DownloadTokenEvent } from './download-token.events.js';

export const operatorTokensProjection: Projection = {
  name: 'operator-tokens',
  handles: ['DownloadTokenIssued', 'DownloadTokenRevoked', 'FirmwareDeleted'],
  project: async (tx, events) => {
    for (const event of events as readonly RecordedEvent<DownloadTokenEvent | FirmwareDeleted>[]) {
      const { tenantId, streamId: id } = event;
      switch (event.type) {
        case 'DownloadTokenIssued': {
          const { firmwareId, name, issuedAt, expiresAt } = event.data;
          await tx.query(
            `INSERT INTO operator_tokens (tenant_id, id, firmware_id, name, created_by, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)`,
            [
              tenantId,
              id,
              firmwareId,
              name ?? null,
              JSON.stringify(event.metadata.actor),
              issuedAt,
              expiresAt,
            ],
          );
          break;
        }
        case 'DownloadTokenRevoked':
          await forget(tx, 'tenant_id = $1 AND id = $2', [tenantId, id]);
          break;
        case 'FirmwareDeleted':
          await forget(tx, 'tenant_id = $1 AND firmware_id = $2', [tenantId, id]);
      }
    }
  },
  reset: async (tx) => {
    await tx.query('DELETE FROM operator_tokens');
  },
};

/** With its hash, which alone would open nothing and stay for ever. Returns how many went. */
const forget = async (queryable: Queryable, which: string, values: unknown[]): Promise<number> => {
  const { rowCount } = await queryable.query({
    text: `WITH gone AS (DELETE FROM operator_tokens WHERE ${which} RETURNING tenant_id, id),
                hashes AS (DELETE FROM operator_token_hashes h USING gone
                           WHERE h.tenant_id = gone.tenant_id AND h.token_id = gone.id)
           SELECT FROM gone`,
    values,
  });
  return rowCount ?? 0;
};

interface TokenRow {
  id: string;
  firmware_id: string;
  name: string | null;
  created_by: Actor;
  created_at: Date;
  expires_at: Date;
}

/** An expired one is gone, whether it was forgotten yet or not. */
const SELECT = `
  SELECT id, firmware_id, name, created_by, created_at, expires_at FROM operator_tokens
  WHERE tenant_id = $1 AND firmware_id = $2 AND expires_at > now()`;

/** Tokens that operators made, for campaigns: each opens one firmware for whoever has it. */
export class OperatorTokens {
  constructor(private readonly database: Database) {}

  /** In the transaction of its event. */
  async keepText(tx: Queryable, tenantId: string, id: string, text: string): Promise<void> {
    await tx.query({
      text: 'INSERT INTO operator_token_hashes (token_hash, tenant_id, token_id) VALUES ($1, $2, $3)',
      values: [hashOf(text), tenantId, id],
    });
  }

  /** Throws `download-token-not-found`. `tx`: to see what it has written. */
  async get(
    tenantId: string,
    firmwareId: string,
    id: string,
    tx: Queryable = this.database,
  ): Promise<DownloadTokenView> {
    const { rows } = await tx.query<TokenRow>({
      text: `${SELECT} AND id = $3`,
      values: [tenantId, firmwareId, id],
    });
    const [row] = rows;
    if (row === undefined) throw tokenNotFound();
    return viewOf(row);
  }

  /** Newest first, after the id `before`. */
  async list(
    tenantId: string,
    firmwareId: string,
    before: string | undefined,
    limit: number,
  ): Promise<DownloadTokenView[]> {
    const { rows } = await this.database.query<TokenRow>(
      `${SELECT} AND ($3::text IS NULL OR id < $3) ORDER BY id DESC LIMIT $4`,
      [tenantId, firmwareId, before ?? null, limit],
    );
    return rows.map(viewOf);
  }

  async count(tenantId: string, firmwareId: string): Promise<number> {
    const { rows } = await this.database.query<{ count: string }>(
      `SELECT count(*) FROM operator_tokens WHERE tenant_id = $1 AND firmware_id = $2 AND expires_at > now()`,
      [tenantId, firmwareId],
    );
    return Number(rows[0]?.count ?? 0);
  }

  /** Whose firmware the text opens; undefined: none, or another one. */
  async tenantOf(text: string, firmwareId: string): Promise<string | undefined> {
    const { rows } = await this.database.query<{ tenant_id: string }>({
      name: 'resolve-operator-token',
      text: `SELECT t.tenant_id FROM operator_token_hashes h
             JOIN operator_tokens t ON t.tenant_id = h.tenant_id AND t.id = h.token_id
             WHERE h.token_hash = $1 AND t.firmware_id = $2 AND t.expires_at > now()
             UNION ALL
             -- What the version before has handed out, to devices and operators alike.
             SELECT tenant_id FROM download_tokens
             WHERE token_hash = $1 AND firmware_id = $2 AND expires_at > now()
             LIMIT 1`,
      values: [hashOf(text), firmwareId],
    });
    return rows[0]?.tenant_id;
  }

  /** Returns how many went, at most `most`. SKIP LOCKED, so that replicas may do it at once. */
  forgetExpired(most: number): Promise<number> {
    return forget(
      this.database,
      `(tenant_id, id) IN (SELECT tenant_id, id FROM operator_tokens WHERE expires_at < now()
                           ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)`,
      [most],
    );
  }
}

const viewOf = (row: TokenRow): DownloadTokenView => ({
  id: row.id,
  firmwareId: row.firmware_id,
  ...(row.name === null ? {} : { name: row.name }),
  createdBy: row.created_by,
  createdAt: row.created_at.toISOString(),
  expiresAt: row.expires_at.toISOString(),
});
