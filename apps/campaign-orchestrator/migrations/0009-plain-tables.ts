import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Devices of campaigns and of supervisions in tables without partitions: see docs/adr/0019-plain-target-tables.md. Everybody
 * who names 500 devices looked for each of them in all 16 partitions.
 */
export class PlainTables1764300000009 implements MigrationInterface {
  readonly name = 'PlainTables1764300000009';

  async up(runner: QueryRunner): Promise<void> {
    for (const [table, fill] of Object.entries(FILL)) {
      await runner.query(
        `CREATE TABLE ${table}_plain (LIKE ${table} INCLUDING DEFAULTS INCLUDING COMMENTS) WITH (fillfactor = ${fill})`,
      );
      await runner.query(`INSERT INTO ${table}_plain SELECT * FROM ${table}`);
      await runner.query(`DROP TABLE ${table}`);
      await runner.query(`ALTER TABLE ${table}_plain RENAME TO ${table}`);
    }
    await runner.query('ALTER TABLE campaign_targets ADD PRIMARY KEY (tenant_id, launch_id, device_id)');
    await runner.query(`
      CREATE INDEX campaign_targets_open ON campaign_targets (tenant_id, device_id)
      WHERE status IN ('planned', 'written', 'dispatched', 'acknowledged', 'retry_wait', 'timed_out')
         OR (status = 'cancelled' AND NOT late AND attempts > 0)`);
    await runner.query(
      'CREATE INDEX campaign_targets_list ON campaign_targets (tenant_id, launch_id, status, device_id)',
    );
    await runner.query(`
      CREATE INDEX campaign_targets_turn ON campaign_targets (tenant_id, launch_id, batch, place)
      WHERE status = 'planned'`);
    await runner.query(`
      CREATE INDEX campaign_targets_deadline ON campaign_targets (tenant_id, launch_id, deadline_at)
      WHERE deadline_at IS NOT NULL AND finished_at IS NULL`);
    await runner.query(`
      CREATE INDEX campaign_targets_retry ON campaign_targets (tenant_id, launch_id, retry_at)
      WHERE retry_at IS NOT NULL`);
    await runner.query(
      'ALTER TABLE supervised_devices ADD PRIMARY KEY (tenant_id, supervision_id, device_id)',
    );
    await runner.query(
      'CREATE INDEX supervised_devices_of_device ON supervised_devices (tenant_id, device_id)',
    );
    await runner.query(
      'CREATE INDEX supervised_devices_by_verdict ON supervised_devices (tenant_id, supervision_id, verdict, device_id)',
    );
    await runner.query(
      'CREATE INDEX supervised_devices_unjudged ON supervised_devices (tenant_id, supervision_id, device_id) WHERE since IS NULL',
    );
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}

/** All rows of a page change soon after each other, so that each page has room for as many again. */
const FILL = { campaign_targets: 50, supervised_devices: 50 };
