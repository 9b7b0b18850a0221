import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The list of campaigns, made from their events, and what each is at. */
export class Campaigns1764300000004 implements MigrationInterface {
  readonly name = 'Campaigns1764300000004';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE campaigns (
        tenant_id   text  NOT NULL,
        campaign_id text  COLLATE "C" NOT NULL,
        name        text  NOT NULL,
        status      text  NOT NULL,
        state       jsonb NOT NULL,
        PRIMARY KEY (tenant_id, campaign_id)
      ) WITH (fillfactor = 70)`);
    await runner.query('CREATE INDEX campaigns_by_status ON campaigns (tenant_id, status, campaign_id)');
    // Not a column of campaigns: it is no event's, and a rebuild of the list would lose it.
    await runner.query(`
      CREATE TABLE campaign_phases (
        tenant_id   text        NOT NULL,
        campaign_id text        COLLATE "C" NOT NULL,
        phase       text,
        since       timestamptz NOT NULL,
        next_at     timestamptz,
        detail      text,
        version     integer     NOT NULL,
        PRIMARY KEY (tenant_id, campaign_id)
      ) WITH (fillfactor = 70)`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
