import { AppError } from '@muster/contracts';
import type { Database, Queryable } from '@muster/event-store';
import {
  AccountsLink,
  AccountsUnavailable,
  issueCredentials,
  newIntegratorsAccount,
  type Credentials,
  type IntegrationKeys,
} from '@muster/nats-accounts';
import type pg from 'pg';
import { consumerOf, inboxPrefixOf } from './names.js';

/**
 * The accounts of integrations on NATS, one for each: what PostgreSQL says of them is what NATS is told. Those from before
 * that share one of their tenant's (`tenant_accounts`), until their credentials are renewed.
 */
export class IntegratorsAccounts {
  private link: Promise<AccountsLink> | undefined;

  constructor(
    private readonly database: Database,
    private readonly natsUrl: string,
    /** Undefined: this installation's NATS has no accounts. */
    private readonly keys: IntegrationKeys | undefined,
    /** Most of one integration. */
    private readonly connections: number,
  ) {}

  /** Credentials that work when `apply` has resolved. Throws `integrations-not-set-up`. */
  async issue(tx: pg.PoolClient, user: { tenantId: string; id: string; name: string }): Promise<Credentials> {
    const { tenantId, id, name } = user;
    const keys = this.requireKeys();
    await tx.query(
      `INSERT INTO integration_accounts (tenant_id, integration_id, account) VALUES ($1, $2, $3)
       ON CONFLICT DO NOTHING`,
      [tenantId, id, newIntegratorsAccount()],
    );
    const own = (await accountsOf(tx, tenantId, id)).find(({ integration_id: of }) => of === id);
    if (own === undefined) throw new Error('the account was not stored');
    const { account } = own;
    return issueCredentials(keys, {
      name,
      tenantId,
      account,
      consumer: consumerOf(id),
      inboxPrefix: inboxPrefixOf(id),
    });
  }

  /**
   * Brings the accounts an integration has or had on NATS to what the tables say, as seen in `tx`. When it resolves,
   * connections of revoked users are closed. Of an account that NATS has as it is it is told nothing. `unavailable` when it
   * cannot be told.
   */
  async apply(tx: pg.PoolClient, tenantId: string, id: string): Promise<void> {
    for (const row of await accountsOf(tx, tenantId, id)) await this.tell(tx, row);
  }

  /** Whatever was lost there, or not told yet. */
  async applyAll(): Promise<void> {
    if (this.keys === undefined) return;
    // One transaction each: what waits for one account does not wait for all.
    for (const row of await accountsOf(this.database)) {
      await this.database.transaction((tx) => this.tell(tx, row));
    }
  }

  private async tell(
    tx: pg.PoolClient,
    { tenant_id: tenantId, integration_id: id, account }: AccountRow,
  ): Promise<void> {
    // One at a time, until the end of the transaction: of two that overtake each other, the one that read less would win
    // and let a revoked user in again.
    await tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`muster account ${account}`]);
    // The shared one may have let in any of its tenant's.
    const { rows } = await tx.query<{ user_key: string }>({
      text: `SELECT user_key FROM revoked_users
             WHERE tenant_id = $1 AND ($2::text IS NULL OR integration_id = $2)`,
      values: [tenantId, id],
    });
    try {
      const link = await this.connected();
      await link.put({
        tenantId,
        account,
        consumer: id === null ? '*' : consumerOf(id),
        connections: id === null ? SHARED_CONNECTIONS : this.connections,
        revoked: rows.map((row) => row.user_key),
      });
    } catch (error) {
      if (!(error instanceof AccountsUnavailable)) throw error;
      throw new AppError('unavailable', 'NATS cannot be told about credentials right now.', {
        cause: error,
        retryAfterSeconds: 1,
      });
    }
  }

  /** Names of integrations that share an account of their tenant's. */
  async sharing(): Promise<readonly string[]> {
    const { rows } = await this.database.query<{ name: string }>(
      `SELECT name FROM integrations i JOIN tenant_accounts USING (tenant_id)
       WHERE NOT EXISTS (SELECT FROM integration_accounts a WHERE (a.tenant_id, a.integration_id) = (i.tenant_id, i.id))
       ORDER BY name`,
    );
    return rows.map(({ name }) => name);
  }

  async close(): Promise<void> {
    await (await this.link?.catch(() => undefined))?.close();
  }

  requireKeys(): IntegrationKeys {
    if (this.keys !== undefined) return this.keys;
    throw new AppError(
      'integrations-not-set-up',
      'NATS runs without accounts here, so there are no credentials to give: set MUSTER_NATS_INTEGRATIONS_FILE (docs/running.md).',
    );
  }

  /** Opened with the first use, again after a failure; what is open reconnects by itself. */
  private connected(): Promise<AccountsLink> {
    this.link ??= AccountsLink.open(this.natsUrl, this.requireKeys()).catch((error: unknown) => {
      this.link = undefined;
      throw error;
    });
    return this.link;
  }
}

/** As it was for a whole tenant. */
const SHARED_CONNECTIONS = 128;

interface AccountRow {
  tenant_id: string;
  /** Null: shared by those of the tenant that have none of their own. */
  integration_id: string | null;
  account: string;
}

/**
 * Of one integration, its own and that of its tenant, in the order in which all lock them; or all. Those of deleted
 * integrations too: what they revoke must be known wherever NATS comes back from.
 */
const accountsOf = async (
  from: Queryable,
  tenantId: string | null = null,
  id: string | null = null,
): Promise<readonly AccountRow[]> => {
  const { rows } = await from.query<AccountRow>({
    text: `SELECT tenant_id, integration_id, account FROM integration_accounts
           WHERE $1::text IS NULL OR (tenant_id, integration_id) = ($1, $2)
           UNION ALL SELECT tenant_id, NULL, account FROM tenant_accounts WHERE $1::text IS NULL OR tenant_id = $1`,
    values: [tenantId, id],
  });
  return rows;
};
