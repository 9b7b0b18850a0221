import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The interface of a device may change, and is from now on known with its version, as the other facts are. */
export class KnownDeviceInterfaces1764420100004 implements MigrationInterface {
  readonly name = 'KnownDeviceInterfaces1764420100004';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE known_devices ADD COLUMN interface_version integer NOT NULL DEFAULT 0');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
