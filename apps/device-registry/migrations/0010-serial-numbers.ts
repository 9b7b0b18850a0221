import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Serial numbers are unique in the tenant. Where some are not, somebody must say which device has it: the migration names them
 * and does nothing. The constraint is deferrable so that the table can be rebuilt from the events.
 */
export class SerialNumbers1764330000010 implements MigrationInterface {
  readonly name = 'SerialNumbers1764330000010';

  async up(runner: QueryRunner): Promise<void> {
    const twice = (await runner.query(`
      SELECT tenant_id, serial_number, array_agg(name ORDER BY name) AS names FROM devices
      WHERE serial_number IS NOT NULL GROUP BY 1, 2 HAVING count(*) > 1 ORDER BY 1, 2 LIMIT 10`)) as {
      tenant_id: string;
      serial_number: string;
      names: string[];
    }[];
    if (twice.length > 0) {
      const named = twice.map((row) => `${row.tenant_id}: ${row.serial_number} (${row.names.join(', ')})`);
      throw new Error(
        `Serial numbers become unique, and these are not: ${named.join('; ')}. Change them with the version that runs, then migrate.`,
      );
    }
    await runner.query(`
      ALTER TABLE devices ADD CONSTRAINT devices_serial_number UNIQUE (tenant_id, serial_number)
        DEFERRABLE INITIALLY IMMEDIATE`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
