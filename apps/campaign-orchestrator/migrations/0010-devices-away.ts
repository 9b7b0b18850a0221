import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Devices that are away are counted apart from those that fetch and have not asked. */
export class DevicesAway1764300000010 implements MigrationInterface {
  readonly name = 'DevicesAway1764300000010';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      INSERT INTO campaign_counters (tenant_id, launch_id, batch, counted, n)
      SELECT tenant_id, launch_id, batch, 'away', count(*) FROM campaign_targets
      WHERE status = 'written' AND synced AND interface <> 'http' GROUP BY 1, 2, 3`);
    // A completed campaign is open to conflicts as long as one of its devices is.
    await runner.query(`
      UPDATE campaign_launches l SET open = true WHERE NOT open AND EXISTS (
        SELECT FROM campaign_targets t WHERE t.tenant_id = l.tenant_id AND t.launch_id = l.launch_id
          AND t.status IN ('planned', 'written', 'dispatched', 'acknowledged', 'retry_wait'))`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
