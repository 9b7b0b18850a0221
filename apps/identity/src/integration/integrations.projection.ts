import { AppError, type Actor } from '@muster/contracts';
import type { IntegrationView } from '@muster/contracts/identity/requests';
import { uniqueViolation, type Projection, type Queryable, type RecordedEvent } from '@muster/event-store';
import type pg from 'pg';
import type { IntegrationEvent } from './integration.events.js';

/** Integrations by name, and every user of NATS that is revoked. */
export const integrations: Projection = {
  name: 'integrations',
  handles: ['IntegrationCreated', 'IntegrationEdited', 'CredentialsRenewed', 'IntegrationDeleted'],
  project: async (tx, events) => {
    // `handles` names the events of this aggregate and no others.
    for (const event of events as readonly RecordedEvent<IntegrationEvent>[]) {
      try {
        await projectOne(tx, event);
      } catch (error) {
        if (uniqueViolation(error) !== 'integrations_name') throw error;
        throw new AppError('integration-name-taken', 'Another integration has this name.', { cause: error });
      }
    }
  },
  reset: async (tx) => {
    await tx.query('DELETE FROM integrations');
    await tx.query('DELETE FROM revoked_users');
  },
};

const projectOne = async (tx: pg.PoolClient, event: RecordedEvent<IntegrationEvent>): Promise<void> => {
  const key = [event.tenantId, event.streamId];
  switch (event.type) {
    case 'IntegrationCreated': {
      const { name, services, from, createdAt } = event.data;
      await tx.query(
        `INSERT INTO integrations (tenant_id, id, name, services, start_from, version, created_at, created_by, credentials_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $7)`,
        [
          ...key,
          name,
          services === undefined ? null : JSON.stringify(services),
          from,
          event.version,
          createdAt,
          event.metadata.actor,
        ],
      );
      return;
    }
    case 'IntegrationEdited': {
      const { name, services } = event.data;
      await tx.query(
        'UPDATE integrations SET name = $3, services = $4, version = $5 WHERE tenant_id = $1 AND id = $2',
        [...key, name, services === null ? null : JSON.stringify(services), event.version],
      );
      return;
    }
    case 'CredentialsRenewed':
      await tx.query(
        'UPDATE integrations SET credentials_at = $3, version = $4 WHERE tenant_id = $1 AND id = $2',
        [...key, event.data.renewedAt, event.version],
      );
      await revoke(tx, event, event.data.revoked);
      return;
    case 'IntegrationDeleted':
      await tx.query('DELETE FROM integrations WHERE tenant_id = $1 AND id = $2', key);
      await revoke(tx, event, event.data.revoked);
      return;
  }
};

const revoke = (tx: pg.PoolClient, { tenantId, streamId }: RecordedEvent, userKey: string) =>
  tx.query(
    `INSERT INTO revoked_users (tenant_id, integration_id, user_key) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
    [tenantId, streamId, userKey],
  );

/** One integration as its table has it. `services` null: all. */
export interface StoredIntegration extends Omit<IntegrationView, 'services'> {
  readonly tenantId: string;
  readonly services: readonly string[] | null;
}

interface IntegrationRow {
  tenant_id: string;
  id: string;
  name: string;
  services: string[] | null;
  start_from: string;
  version: number;
  created_at: Date;
  created_by: Actor;
  credentials_at: Date;
}

export const findIntegration = async (
  from: Queryable,
  tenantId: string,
  id: string,
): Promise<StoredIntegration> => {
  const { rows } = await from.query<IntegrationRow>({
    text: 'SELECT * FROM integrations WHERE tenant_id = $1 AND id = $2',
    values: [tenantId, id],
  });
  if (rows[0] === undefined) throw new AppError('integration-not-found', 'There is no such integration.');
  return storedOf(rows[0]);
};

/** By name, after `afterName`. */
export const listByName = async (
  from: Queryable,
  tenantId: string,
  afterName: string | undefined,
  limit: number,
): Promise<StoredIntegration[]> => {
  const { rows } = await from.query<IntegrationRow>({
    text: `SELECT * FROM integrations WHERE tenant_id = $1 AND ($2::text IS NULL OR name > $2 COLLATE "C")
           ORDER BY name LIMIT $3`,
    values: [tenantId, afterName ?? null, limit],
  });
  return rows.map(storedOf);
};

/** Of all tenants. */
export const allIntegrations = async (from: Queryable): Promise<StoredIntegration[]> => {
  const { rows } = await from.query<IntegrationRow>({ text: 'SELECT * FROM integrations' });
  return rows.map(storedOf);
};

export const countIntegrations = async (from: Queryable, tenantId: string): Promise<number> => {
  const { rows } = await from.query<{ count: string }>({
    text: 'SELECT count(*) FROM integrations WHERE tenant_id = $1',
    values: [tenantId],
  });
  return Number(rows[0]?.count ?? 0);
};

const storedOf = (row: IntegrationRow): StoredIntegration => ({
  tenantId: row.tenant_id,
  id: row.id,
  name: row.name,
  services: row.services,
  from: row.start_from,
  version: row.version,
  createdAt: row.created_at.toISOString(),
  createdBy: row.created_by,
  credentialsAt: row.credentials_at.toISOString(),
});
