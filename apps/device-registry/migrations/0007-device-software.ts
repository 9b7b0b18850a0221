import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Which versions devices say they run, followed from the firmware service's events, for filters. A table of its own: the one
 * of devices is made anew from the registry's events, which do not know this.
 */
export class DeviceSoftware1764300000007 implements MigrationInterface {
  readonly name = 'DeviceSoftware1764300000007';

  async up(runner: QueryRunner): Promise<void> {
    // `seen`: by software, the version of the event that told it. Events come late and again.
    await runner.query(`
      CREATE TABLE device_software (
        tenant_id text  NOT NULL,
        device_id text  NOT NULL,
        software  jsonb NOT NULL,
        seen      jsonb NOT NULL,
        PRIMARY KEY (tenant_id, device_id)
      )`);
    await runner.query(
      'CREATE INDEX device_software_by_version ON device_software USING gin (software jsonb_path_ops)',
    );
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
