import { AppError } from '@muster/contracts';
import type { Database, Queryable } from '@muster/event-store';
import {
  AccountsLink,
  AccountsUnavailable,
  issueCredentials,
  newTenantAccount,
  type Credentials,
  type IntegrationKeys,
} from '@muster/nats-accounts';
import type pg from 'pg';
import { consumerOf, inboxPrefixOf } from './names.js';

/** The accounts of tenants on NATS: what PostgreSQL says of them is what NATS is told. */
export class TenantAccounts {
  private link: Promise<AccountsLink> | undefined;

  constructor(
    private readonly database: Database,
    private readonly natsUrl: string,
    /** Undefined: this installation's NATS has no accounts. */
    private readonly keys: IntegrationKeys | undefined,
  ) {}

  /** Credentials that work when `apply` has resolved. Throws `integrations-not-set-up`. */
  async issue(tx: pg.PoolClient, user: { tenantId: string; id: string; name: string }): Promise<Credentials> {
    const { tenantId, id, name } = user;
    const keys = this.requireKeys();
    await tx.query(
      'INSERT INTO tenant_accounts (tenant_id, account) VALUES ($1, $2) ON CONFLICT DO NOTHING',
      [tenantId, newTenantAccount()],
    );
    const account = await accountOf(tx, tenantId);
    if (account === undefined) throw new Error('the account was not stored');
    return issueCredentials(keys, {
      name,
      tenantId,
      account,
      consumer: consumerOf(id),
      inboxPrefix: inboxPrefixOf(id),
    });
  }

  /**
   * Brings the tenant's account on NATS to what the tables say, as seen in `tx`. When it resolves, connections of revoked
   * users are closed. `unavailable` when NATS cannot be told.
   */
  async apply(tx: pg.PoolClient, tenantId: string): Promise<void> {
    // One at a time, until the end of the transaction: of two that overtake each other, the one that read less would win
    // and let a revoked user in again.
    await tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`muster account ${tenantId}`]);
    const account = await accountOf(tx, tenantId);
    if (account === undefined) return;
    const { rows } = await tx.query<{ user_key: string }>({
      text: 'SELECT user_key FROM revoked_users WHERE tenant_id = $1',
      values: [tenantId],
    });
    const revoked = rows.map((row) => row.user_key);
    try {
      await (await this.connected()).put({ tenantId, account, revoked });
    } catch (error) {
      if (!(error instanceof AccountsUnavailable)) throw error;
      throw new AppError('unavailable', 'NATS cannot be told about credentials right now.', {
        cause: error,
        retryAfterSeconds: 1,
      });
    }
  }

  /** Whatever was lost there, or not told yet. */
  async applyAll(): Promise<void> {
    if (this.keys === undefined) return;
    const { rows } = await this.database.query<{ tenant_id: string }>(
      'SELECT tenant_id FROM tenant_accounts',
    );
    for (const { tenant_id: tenantId } of rows) {
      await this.database.transaction((tx) => this.apply(tx, tenantId));
    }
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

const accountOf = async (from: Queryable, tenantId: string): Promise<string | undefined> => {
  const { rows } = await from.query<{ account: string }>({
    text: 'SELECT account FROM tenant_accounts WHERE tenant_id = $1',
    values: [tenantId],
  });
  return rows[0]?.account;
};
