import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The rule "an application version that devices have is not removed", also against a device that is provisioned, or moved to
 * it, meanwhile. Until now none could be removed, so all rows keep it. Deferrable so that the tables can be rebuilt.
 */
export class AppVersionsInUse1764300000006 implements MigrationInterface {
  readonly name = 'AppVersionsInUse1764300000006';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE app_versions ADD CONSTRAINT app_versions_of_type UNIQUE (tenant_id, device_type_id, name)`);
    await runner.query(`
      ALTER TABLE devices ADD CONSTRAINT devices_app_version FOREIGN KEY (tenant_id, device_type_id, app_version)
        REFERENCES app_versions (tenant_id, device_type_id, name) DEFERRABLE INITIALLY IMMEDIATE`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
