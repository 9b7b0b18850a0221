import type { MigrationInterface, QueryRunner } from 'typeorm';

/** An account on NATS for each integration; those of a tenant shared one. */
export class IntegrationAccounts1763600700002 implements MigrationInterface {
  readonly name = 'IntegrationAccounts1763600700002';

  async up(runner: QueryRunner): Promise<void> {
    // Not from events, as `tenant_accounts`, which stays for those that have no row here until their credentials are renewed.
    await runner.query(`
      CREATE TABLE integration_accounts (
        tenant_id      text NOT NULL,
        integration_id text NOT NULL,
        account        text NOT NULL,
        PRIMARY KEY (tenant_id, integration_id)
      )`);
    // Of those that were revoked before it is not known, and not needed: their accounts are the tenants'.
    await runner.query("ALTER TABLE revoked_users ADD COLUMN integration_id text NOT NULL DEFAULT ''");
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
