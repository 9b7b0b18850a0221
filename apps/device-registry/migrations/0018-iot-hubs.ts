import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which device types are in an IoT Hub, as iothub-adapter tells. */
export class IotHubs1764440000018 implements MigrationInterface {
  readonly name = 'IotHubs1764440000018';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE iot_hubs (
        tenant_id    text    NOT NULL,
        hub_id       text    NOT NULL,
        version      integer NOT NULL,
        -- Empty: all that no other hub names. NULL: the hub is removed, and an older event brings it not back.
        device_types text[],
        PRIMARY KEY (tenant_id, hub_id)
      )`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
