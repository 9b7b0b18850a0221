import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How we have left the twins of devices, and what others have changed in them since. */
export class Twins1763600800009 implements MigrationInterface {
  readonly name = 'Twins1763600800009';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE hub_twins (
        hub_id        text        NOT NULL,
        hub_device_id text        COLLATE "C" NOT NULL,
        -- Of the desired properties after our last change, and what is ours in them. NULL: we have changed nothing yet.
        version       bigint,
        ours          jsonb,
        -- We are changing it: nobody judges it before that.
        busy_until    timestamptz,
        -- Somebody else may have changed what is ours, at that time by the hub.
        suspect_at    timestamptz,
        due_at        timestamptz,
        -- The last change by others: when, by the hub, in which keys, and whether it was undone.
        foreign_at    timestamptz,
        foreign_keys  text[],
        undone        boolean,
        PRIMARY KEY (hub_id, hub_device_id)
      )`);
    await runner.query('CREATE INDEX hub_twins_due ON hub_twins (hub_id, due_at) WHERE due_at IS NOT NULL');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
