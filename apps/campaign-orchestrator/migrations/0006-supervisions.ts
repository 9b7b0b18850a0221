import type { MigrationInterface, QueryRunner } from 'typeorm';

const PARTITIONS = 16;

/** Which devices are watched, what they are held against, and what was said of them. */
export class Supervisions1764300000006 implements MigrationInterface {
  readonly name = 'Supervisions1764300000006';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE supervisions (
        tenant_id       text        NOT NULL,
        id              text        COLLATE "C" NOT NULL,
        version         integer     NOT NULL,
        name            text        NOT NULL,
        status          text        NOT NULL,
        campaign_id     text,
        configurations  jsonb       NOT NULL,
        expected_states jsonb       NOT NULL,
        expected_from   text        NOT NULL,
        keys            text[]      NOT NULL,
        opened_at       timestamptz(3) NOT NULL,
        opened_by       jsonb       NOT NULL,
        closed_at       timestamptz(3),
        closed_by       jsonb,
        error           jsonb,
        PRIMARY KEY (tenant_id, id)
      )`);
    await runner.query('CREATE INDEX supervisions_of_campaign ON supervisions (tenant_id, campaign_id)');
    // By the device: an event of a device is one look-up in one partition.
    await runner.query(`
      CREATE TABLE supervised_devices (
        tenant_id      text           NOT NULL,
        supervision_id text           COLLATE "C" NOT NULL,
        device_id      text           COLLATE "C" NOT NULL,
        name           text           NOT NULL,
        interface      text           NOT NULL,
        configurations jsonb,
        verdict        text           NOT NULL DEFAULT 'unknown',
        reasons        jsonb          NOT NULL DEFAULT '[]',
        desired        boolean        NOT NULL DEFAULT false,
        delivered      text           NOT NULL DEFAULT 'not_sent',
        reported       boolean        NOT NULL DEFAULT false,
        known_by       text,
        was_valid      boolean        NOT NULL DEFAULT false,
        state_version  integer        NOT NULL DEFAULT -1,
        since          timestamptz(3),
        PRIMARY KEY (tenant_id, supervision_id, device_id)
      ) PARTITION BY HASH (device_id)`);
    for (let nth = 0; nth < PARTITIONS; nth += 1)
      await runner.query(`
        CREATE TABLE supervised_devices_${nth} PARTITION OF supervised_devices
        FOR VALUES WITH (MODULUS ${PARTITIONS}, REMAINDER ${nth}) WITH (fillfactor = 80)`);
    await runner.query(`
      COMMENT ON COLUMN supervised_devices.configurations IS
        'What this one device is held against in place of the configurations of the supervision; null: those'`);
    await runner.query(
      'CREATE INDEX supervised_devices_of_device ON supervised_devices (tenant_id, device_id)',
    );
    await runner.query(
      'CREATE INDEX supervised_devices_by_verdict ON supervised_devices (tenant_id, supervision_id, verdict, device_id)',
    );
    await runner.query(
      'CREATE INDEX supervised_devices_unjudged ON supervised_devices (tenant_id, supervision_id, device_id) WHERE since IS NULL',
    );
    // How many devices have which verdict, and how often others were told of changed ones.
    await runner.query(`
      CREATE TABLE supervision_counts (
        tenant_id      text    NOT NULL,
        supervision_id text    COLLATE "C" NOT NULL,
        pending        integer NOT NULL DEFAULT 0,
        valid          integer NOT NULL DEFAULT 0,
        invalid        integer NOT NULL DEFAULT 0,
        unknown        integer NOT NULL DEFAULT 0,
        unjudged       integer NOT NULL DEFAULT 0,
        told           integer NOT NULL DEFAULT 0,
        PRIMARY KEY (tenant_id, supervision_id)
      ) WITH (fillfactor = 50)`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
