import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What is wanted of hubs for each device, what was done, and how often a hub may still be asked. */
export class Identities1763600800002 implements MigrationInterface {
  readonly name = 'Identities1763600800002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE hub_identities (
        tenant_id     text        NOT NULL,
        hub_id        text        NOT NULL,
        hub_device_id text        COLLATE "C" NOT NULL,
        device_id     text        NOT NULL,
        -- NULL: there is to be none.
        wanted        jsonb,
        -- What the hub has, as far as is known. NULL: nothing.
        made          jsonb,
        -- Rises with what is wanted, so that who has done an older wish does not call the newer one done.
        revision      bigint      NOT NULL DEFAULT 1,
        -- NULL: nothing is to be done.
        due_at        timestamptz,
        leased_until  timestamptz,
        attempts      integer     NOT NULL DEFAULT 0,
        fault         text,
        fault_at      timestamptz,
        PRIMARY KEY (hub_id, hub_device_id)
      )`);
    await runner.query('CREATE INDEX hub_identities_device ON hub_identities (device_id)');
    await runner.query('CREATE INDEX hub_identities_name ON hub_identities (hub_device_id)');
    await runner.query(
      'CREATE INDEX hub_identities_due ON hub_identities (hub_id, due_at) WHERE due_at IS NOT NULL',
    );
    await runner.query(`
      CREATE TABLE hub_budgets (
        hub_id text             NOT NULL,
        class  text             NOT NULL,
        tokens double precision NOT NULL,
        -- Tokens have grown up to here; in the future while the hub has told to wait.
        at     timestamptz      NOT NULL,
        PRIMARY KEY (hub_id, class)
      )`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
