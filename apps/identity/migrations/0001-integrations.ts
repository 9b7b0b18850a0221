import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Integrations, the accounts of their tenants on NATS, what is revoked there, and how far each has read. */
export class Integrations1763600700001 implements MigrationInterface {
  readonly name = 'Integrations1763600700001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE integrations (
        tenant_id      text        NOT NULL,
        id             text        NOT NULL,
        name           text        COLLATE "C" NOT NULL,
        services       jsonb,
        start_from     text        NOT NULL,
        version        integer     NOT NULL,
        created_at     timestamptz NOT NULL,
        created_by     jsonb       NOT NULL,
        credentials_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT integrations_name UNIQUE (tenant_id, name) DEFERRABLE INITIALLY IMMEDIATE
      )`);
    // For ever: a credential has no end of its own, and the list is all that keeps a revoked one out.
    await runner.query(`
      CREATE TABLE revoked_users (
        tenant_id text NOT NULL,
        user_key  text NOT NULL,
        PRIMARY KEY (tenant_id, user_key)
      )`);
    // Not from events: an address on NATS, made once. Another one would invalidate every credential of the tenant.
    await runner.query(`
      CREATE TABLE tenant_accounts (
        tenant_id text PRIMARY KEY,
        account   text NOT NULL
      )`);
    // What NATS told last. Only for the day it has lost the consumer.
    await runner.query(`
      CREATE TABLE reading_positions (
        tenant_id         text   NOT NULL,
        integration_id    text   NOT NULL,
        stream            text   NOT NULL,
        stream_created_at text   NOT NULL,
        next_sequence     bigint NOT NULL,
        PRIMARY KEY (tenant_id, integration_id, stream)
      )`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
