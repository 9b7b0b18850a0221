import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How devices stood beside how the campaign stood with them, and how often others were told of targets. */
export class Statistics1764300000007 implements MigrationInterface {
  readonly name = 'Statistics1764300000007';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE campaign_points ADD COLUMN adoption jsonb');
    // A table of its own: it is written after the targets are locked, and the launch's row before them.
    await runner.query(`
      CREATE TABLE campaign_tellings (
        tenant_id   text    NOT NULL,
        campaign_id text    COLLATE "C" NOT NULL,
        told        integer NOT NULL,
        PRIMARY KEY (tenant_id, campaign_id)
      ) WITH (fillfactor = 50)`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
