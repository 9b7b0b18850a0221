import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a service knows of the devices of the registry: that they exist, or that they are gone. */
export class KnownDevices1763600100001 implements MigrationInterface {
  readonly name = 'KnownDevices1763600100001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE known_devices (
        tenant_id text    NOT NULL,
        device_id text    NOT NULL,
        deleted   boolean NOT NULL,
        PRIMARY KEY (tenant_id, device_id)
      )`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
