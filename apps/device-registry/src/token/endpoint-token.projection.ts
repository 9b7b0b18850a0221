import type { TokenStatus, TokenView } from '@muster/contracts/device-registry/tokens.requests';
import type { Projection, Queryable, RecordedEvent } from '@muster/event-store';
import type {
  DeviceDeleted,
  EndpointTokenIssued,
  EndpointTokenRemoved,
  EndpointTokenStatusChanged,
  EndpointTokenValidityChanged,
} from '../device/device.events.js';

type TokenEvent =
  | EndpointTokenIssued
  | EndpointTokenStatusChanged
  | EndpointTokenValidityChanged
  | EndpointTokenRemoved
  | DeviceDeleted;

/**
 * Tokens and their status, without their texts. With a device its tokens go, and their texts too: what opens nothing any
 * more need not be kept, and may be given to another device.
 */
export const endpointTokens: Projection = {
  name: 'endpoint-tokens',
  handles: [
    'EndpointTokenIssued',
    'EndpointTokenStatusChanged',
    'EndpointTokenValidityChanged',
    'EndpointTokenRemoved',
    'DeviceDeleted',
  ],
  project: async (tx, events) => {
    // `handles` names these. Tokens are issued before they change and go with their device.
    const all = events as readonly RecordedEvent<TokenEvent>[];
    const issued = all.filter((event) => event.type === 'EndpointTokenIssued');
    if (issued.length > 0) {
      await tx.query({
        name: 'insert-tokens',
        text: `INSERT INTO device_tokens (tenant_id, id, device_id, hint, status, created_at, valid_from, valid_until)
               SELECT tenant_id, id, device_id, hint, 'inactive', created_at, valid_from, valid_until
               FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
                   $7::timestamptz[])
                 AS t (tenant_id, id, device_id, hint, created_at, valid_from, valid_until)`,
        values: [
          issued.map((event) => event.tenantId),
          issued.map((event) => event.data.tokenId),
          issued.map((event) => event.streamId),
          issued.map((event) => event.data.hint),
          issued.map((event) => event.data.issuedAt),
          issued.map((event) => event.data.validFrom ?? null),
          issued.map((event) => event.data.validUntil ?? null),
        ],
      });
    }
    // The last status of each token: an UPDATE that joins two rows to one would take either.
    const last = new Map(
      all
        .filter((event) => event.type === 'EndpointTokenStatusChanged')
        .map((event) => [`${event.tenantId}\n${event.data.tokenId}`, event]),
    );
    if (last.size > 0) {
      const changed = [...last.values()];
      await tx.query(
        `UPDATE device_tokens d SET status = t.status FROM unnest($1::text[], $2::text[], $3::text[])
           AS t (tenant_id, id, status) WHERE d.tenant_id = t.tenant_id AND d.id = t.id`,
        [
          changed.map((event) => event.tenantId),
          changed.map((event) => event.data.tokenId),
          changed.map((event) => event.data.to),
        ],
      );
    }
    for (const event of all) {
      if (event.type !== 'EndpointTokenValidityChanged') continue;
      const { tokenId, to } = event.data;
      await tx.query(
        'UPDATE device_tokens SET valid_from = $3, valid_until = $4 WHERE tenant_id = $1 AND id = $2',
        [event.tenantId, tokenId, to.validFrom ?? null, to.validUntil ?? null],
      );
    }
    const removed = all.filter((event) => event.type === 'EndpointTokenRemoved');
    if (removed.length > 0) {
      // Its text stays in `endpoint_tokens`: nobody else is to be let in by what a device may still send.
      for (const table of ['device_tokens', 'last_uses']) {
        await tx.query(
          `DELETE FROM ${table} WHERE (tenant_id, id) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
          [removed.map((event) => event.tenantId), removed.map((event) => event.data.tokenId)],
        );
      }
    }
    const deleted = all.filter((event) => event.type === 'DeviceDeleted');
    if (deleted.length > 0) {
      const keys = [deleted.map((event) => event.tenantId), deleted.map((event) => event.streamId)];
      await tx.query(
        `DELETE FROM last_uses WHERE (tenant_id, id) IN (SELECT tenant_id, id FROM device_tokens
           WHERE (tenant_id, device_id) IN (SELECT * FROM unnest($1::text[], $2::text[])))`,
        keys,
      );
      for (const table of ['device_tokens', 'endpoint_tokens']) {
        await tx.query(
          `DELETE FROM ${table} WHERE (tenant_id, device_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
          keys,
        );
      }
    }
  },
  /** The texts stay: no event could bring them back. */
  reset: async (tx) => {
    await tx.query('DELETE FROM device_tokens');
  },
};

interface TokenRow {
  id: string;
  hint: string;
  status: TokenStatus;
  created_at: Date;
  valid_from: Date | null;
  valid_until: Date | null;
  used_at: Date | null;
}

const SELECT = `
  SELECT t.id, t.hint, t.status, t.created_at, t.valid_from, t.valid_until, u.used_at
  FROM device_tokens t LEFT JOIN last_uses u ON u.tenant_id = t.tenant_id AND u.id = t.id`;

/** Oldest first: ids are made in the order of time. `after`: the last id of the page before. */
export const tokensOf = async (
  from: Queryable,
  tenantId: string,
  deviceId: string,
  { after = '', limit }: { readonly after?: string | undefined; readonly limit: number },
): Promise<TokenView[]> => {
  const { rows } = await from.query<TokenRow>({
    name: 'tokens-of',
    text: `${SELECT} WHERE t.tenant_id = $1 AND t.device_id = $2 AND t.id > $3 ORDER BY t.id LIMIT $4`,
    values: [tenantId, deviceId, after, limit],
  });
  return rows.map(viewOf);
};

export const countTokens = async (from: Queryable, tenantId: string, deviceId: string): Promise<number> => {
  const { rows } = await from.query<{ count: string }>({
    text: 'SELECT count(*) FROM device_tokens WHERE tenant_id = $1 AND device_id = $2',
    values: [tenantId, deviceId],
  });
  return Number(rows[0]?.count ?? 0);
};

/** Undefined: the device has no such token. */
export const findToken = async (
  from: Queryable,
  tenantId: string,
  deviceId: string,
  tokenId: string,
): Promise<TokenView | undefined> => {
  const { rows } = await from.query<TokenRow>({
    name: 'find-token',
    text: `${SELECT} WHERE t.tenant_id = $1 AND t.device_id = $2 AND t.id = $3`,
    values: [tenantId, deviceId, tokenId],
  });
  return rows[0] === undefined ? undefined : viewOf(rows[0]);
};

const viewOf = (row: TokenRow): TokenView => ({
  id: row.id,
  hint: row.hint,
  status: row.status,
  ...(row.valid_from === null ? {} : { validFrom: row.valid_from.toISOString() }),
  ...(row.valid_until === null ? {} : { validUntil: row.valid_until.toISOString() }),
  ...(row.used_at === null ? {} : { lastUsedAt: row.used_at.toISOString() }),
  createdAt: row.created_at.toISOString(),
});
