import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What filters know of the configuration of devices, followed from the configuration service's events. Beside the devices and
 * not in their rows: those are made anew from the registry's own events, and change seldom, while this changes all the time.
 */
export class DeviceState1764300000008 implements MigrationInterface {
  readonly name = 'DeviceState1764300000008';

  async up(runner: QueryRunner): Promise<void> {
    // Everything up to the event `version` is in the row. `sync_state` is as long as no time passes: past `unconfirmed_at` a
    // dispatched document is unconfirmed. `sync_facts`: what the next event needs to know.
    await runner.query(`
      CREATE TABLE device_state (
        tenant_id      text    NOT NULL,
        device_id      text    NOT NULL,
        version        integer NOT NULL,
        desired        jsonb   NOT NULL,
        reported       jsonb   NOT NULL,
        config_id      text    NOT NULL,
        sync_state     text    NOT NULL,
        unconfirmed_at timestamptz,
        sync_facts     jsonb   NOT NULL,
        PRIMARY KEY (tenant_id, device_id)
      ) WITH (fillfactor = 70)`);
    // For @> alone, as that of metadata.
    await runner.query(
      'CREATE INDEX device_state_by_desired ON device_state USING gin (desired jsonb_path_ops)',
    );
    await runner.query(
      'CREATE INDEX device_state_by_reported ON device_state USING gin (reported jsonb_path_ops)',
    );
    await runner.query(
      'CREATE INDEX device_state_by_sync_state ON device_state (tenant_id, sync_state, unconfirmed_at)',
    );
    // What was so before the events were followed is asked of the services once, from `after` on.
    await runner.query(`
      CREATE TABLE state_fills (
        source    text NOT NULL PRIMARY KEY,
        after     jsonb,
        filled_at timestamptz
      )`);
    await runner.query(`INSERT INTO state_fills (source) VALUES ('configuration'), ('firmware')`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
