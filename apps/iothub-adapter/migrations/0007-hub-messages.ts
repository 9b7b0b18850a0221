import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Commands that were sent as messages, which their hubs keep for devices that are away. */
export class HubMessages1763600800007 implements MigrationInterface {
  readonly name = 'HubMessages1763600800007';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE hub_messages (
        hub_id        text        NOT NULL,
        hub_device_id text        COLLATE "C" NOT NULL,
        type          text        NOT NULL,
        number        integer     NOT NULL,
        -- Of the command, up to which it is not sent by another way.
        expires_at    timestamptz NOT NULL,
        -- The device has it.
        taken_at      timestamptz,
        PRIMARY KEY (hub_id, hub_device_id, type, number)
      )`);
    await runner.query('CREATE INDEX hub_messages_expiry ON hub_messages (expires_at)');
    // Who reads what became of them, one of all replicas.
    await runner.query(`
      CREATE TABLE hub_feedback_readers (
        hub_id  text        NOT NULL PRIMARY KEY,
        owner   text        NOT NULL,
        held_to timestamptz NOT NULL
      )`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
