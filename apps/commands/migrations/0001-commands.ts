import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Commands and what became of them, and the streams they are in. */
export class Commands1763600300001 implements MigrationInterface {
  readonly name = 'Commands1763600300001';

  async up(runner: QueryRunner): Promise<void> {
    // `position` is that of the event that created the command: it puts the commands of a device in an order that no
    // clock can disturb, and is what lists go on after.
    await runner.query(`
      CREATE TABLE commands (
        tenant_id     text        NOT NULL,
        device_id     text        NOT NULL,
        type          text        NOT NULL,
        number        integer     NOT NULL,
        position      bigint      NOT NULL,
        status        text        NOT NULL,
        payload       jsonb,
        payload_bytes integer     NOT NULL,
        created_at    timestamptz NOT NULL,
        created_by    jsonb       NOT NULL,
        expires_at    timestamptz NOT NULL,
        finished_at   timestamptz,
        status_code   integer,
        reason_phrase text,
        result        jsonb,
        result_bytes  integer     NOT NULL DEFAULT 0,
        PRIMARY KEY (tenant_id, device_id, type, number)
      )`);
    await runner.query('CREATE INDEX commands_by_age ON commands (tenant_id, device_id, position)');
    // Small however many commands are finished: what a device asks for, and what the next round of expiry looks at.
    await runner.query(
      `CREATE INDEX commands_outstanding ON commands (tenant_id, device_id, position) WHERE status = 'pending'`,
    );
    await runner.query(`CREATE INDEX commands_expiring ON commands (expires_at) WHERE status = 'pending'`);

    // One row per stream. Type '*' is no type: what the device said for all of them.
    await runner.query(`
      CREATE TABLE command_queues (
        tenant_id text NOT NULL,
        device_id text NOT NULL,
        type      text NOT NULL,
        observe   boolean,
        PRIMARY KEY (tenant_id, device_id, type)
      )`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
