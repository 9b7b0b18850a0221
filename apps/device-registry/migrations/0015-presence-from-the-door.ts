import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What the broker told of connections goes: the doors tell it. The connections that it told of last become those of a door that is
 * lost, so that they are closed, told and forgotten as any others; whoever is still there comes to a door.
 */
export class PresenceFromTheDoor1764390000015 implements MigrationInterface {
  readonly name = 'PresenceFromTheDoor1764390000015';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      INSERT INTO doors (door, lease_seconds, lapses_at, lapsed)
      SELECT 'the broker', 0, now(), true WHERE EXISTS (SELECT FROM device_connections)`);
    await runner.query(`
      INSERT INTO live_connections (connection, door, tenant_id, device_id, client_id, transport, protocol, opened_at, changed_at)
      SELECT DISTINCT ON (c.connection) c.connection, 'the broker', l.tenant_id, l.device_id, c.client_id, 'tcp', '3.1.1',
        coalesce(d.since, now()), now()
      FROM connections c JOIN device_connections l USING (connection)
        LEFT JOIN device_connectivity d ON d.tenant_id = l.tenant_id AND d.device_id = l.device_id
      WHERE c.closed_at IS NULL ORDER BY c.connection, d.since`);
    await runner.query(`
      INSERT INTO connection_devices (connection, tenant_id, device_id)
      SELECT l.connection, l.tenant_id, l.device_id FROM device_connections l JOIN connections c USING (connection)
      WHERE c.closed_at IS NULL`);
    await runner.query('DROP TABLE device_connections, connections, client_devices, brokers');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
