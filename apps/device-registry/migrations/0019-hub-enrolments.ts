import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How many devices have enrolled by the rule of an IoT Hub. */
export class HubEnrolments1764440000019 implements MigrationInterface {
  readonly name = 'HubEnrolments1764440000019';

  async up(runner: QueryRunner): Promise<void> {
    // Never falls, as those of authorities and claim keys. Not from events: its row is the lock under which devices are made.
    await runner.query('ALTER TABLE iot_hubs ADD COLUMN enrolled integer NOT NULL DEFAULT 0');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
