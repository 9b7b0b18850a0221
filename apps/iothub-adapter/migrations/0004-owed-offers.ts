import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Devices that could not be told something because their hub was away or had had too much. */
export class OwedOffers1763600800004 implements MigrationInterface {
  readonly name = 'OwedOffers1763600800004';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE hub_owed_offers (
        tenant_id text        NOT NULL,
        device_id text        NOT NULL,
        -- Of what it was: cmx, cmx_ota or cex.
        extension text        NOT NULL,
        due_at    timestamptz NOT NULL,
        attempts  integer     NOT NULL DEFAULT 1,
        PRIMARY KEY (tenant_id, device_id, extension)
      )`);
    await runner.query('CREATE INDEX hub_owed_offers_due ON hub_owed_offers (due_at)');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
