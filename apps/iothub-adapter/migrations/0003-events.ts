import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How far the events of hubs are read and by whom, and which devices are connected to them. */
export class Events1763600800003 implements MigrationInterface {
  readonly name = 'Events1763600800003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE hub_partitions (
        hub_id          text NOT NULL,
        -- Of the endpoint, so that a hub that moved is read from its beginning.
        source          text NOT NULL,
        partition_id    text NOT NULL,
        owner_id        text,
        owned_at        timestamptz,
        etag            text,
        -- All before it, and it, is stored.
        "offset"        text,
        sequence_number bigint,
        PRIMARY KEY (hub_id, source, partition_id)
      )`);
    await runner.query(`
      CREATE TABLE hub_links (
        hub_id        text        NOT NULL,
        hub_device_id text        COLLATE "C" NOT NULL,
        connected     boolean     NOT NULL,
        -- The hub's, hexadecimal, of one length: compared as text.
        sequence      text        COLLATE "C" NOT NULL,
        at            timestamptz NOT NULL,
        PRIMARY KEY (hub_id, hub_device_id)
      )`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
