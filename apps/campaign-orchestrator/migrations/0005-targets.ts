import type { MigrationInterface, QueryRunner } from 'typeorm';

const PARTITIONS = 16;

/** What becomes of each device of a campaign, with the numbers that are read of it. */
export class Targets1764300000005 implements MigrationInterface {
  readonly name = 'Targets1764300000005';

  async up(runner: QueryRunner): Promise<void> {
    // `cursor`: how far the devices are found out, null: all are. `wanted`: what is frozen of the definition, for whoever
    // judges a device. `told`: what was said of the batches' jobs. `keys`: to find conflicts; `open` until all are settled.
    await runner.query(`
      CREATE TABLE campaign_launches (
        tenant_id   text        NOT NULL,
        launch_id   text        COLLATE "C" NOT NULL,
        campaign_id text        COLLATE "C" NOT NULL,
        wanted      jsonb       NOT NULL,
        keys        text[]      NOT NULL,
        cursor      jsonb,
        as_of       timestamptz,
        open        boolean     NOT NULL DEFAULT true,
        away        jsonb,
        bucket      jsonb,
        paced_until timestamptz,
        told        jsonb       NOT NULL DEFAULT '{}',
        PRIMARY KEY (tenant_id, launch_id)
      ) WITH (fillfactor = 50)`);
    await runner.query('CREATE INDEX campaign_launches_open ON campaign_launches (tenant_id) WHERE open');
    await runner.query('CREATE INDEX campaign_launches_of ON campaign_launches (tenant_id, campaign_id)');
    // Devices of a launch while they are found out. No record: a launch that fails forgets them.
    await runner.query(`
      CREATE TABLE campaign_candidates (
        tenant_id    text    NOT NULL,
        launch_id    text    COLLATE "C" NOT NULL,
        device_id    text    COLLATE "C" NOT NULL,
        name         text    NOT NULL,
        device_type  text    NOT NULL,
        app_version  text    NOT NULL,
        interface    text    NOT NULL,
        last_seen_at timestamptz,
        skip         text,
        batch        integer,
        PRIMARY KEY (tenant_id, launch_id, device_id)
      )`);
    await runner.query(`
      CREATE TABLE campaign_targets (
        tenant_id       text        NOT NULL,
        launch_id       text        COLLATE "C" NOT NULL,
        device_id       text        COLLATE "C" NOT NULL,
        campaign_id     text        COLLATE "C" NOT NULL,
        batch           integer     NOT NULL,
        place           integer     NOT NULL,
        status          text        NOT NULL,
        revision        integer     NOT NULL DEFAULT 1,
        name            text        NOT NULL,
        device_type     text        NOT NULL,
        app_version     text        NOT NULL,
        interface       text        NOT NULL,
        attempts        integer     NOT NULL DEFAULT 0,
        operation       text,
        written_at      timestamptz,
        dispatched_at   timestamptz,
        acknowledged_at timestamptz,
        finished_at     timestamptz,
        deadline_at     timestamptz,
        retry_at        timestamptz,
        config_id       text,
        synced          boolean     NOT NULL DEFAULT false,
        late            boolean     NOT NULL DEFAULT false,
        own_values      jsonb,
        previous        jsonb,
        reason          jsonb,
        updated_at      timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, launch_id, device_id)
      ) PARTITION BY HASH (device_id)`);
    for (let part = 0; part < PARTITIONS; part += 1) {
      await runner.query(
        `CREATE TABLE campaign_targets_${part} PARTITION OF campaign_targets
         FOR VALUES WITH (MODULUS ${PARTITIONS}, REMAINDER ${part}) WITH (fillfactor = 70)`,
      );
    }
    // An event of a device costs one look here, whether it is in a campaign or not.
    await runner.query(`
      CREATE INDEX campaign_targets_open ON campaign_targets (tenant_id, device_id)
      WHERE status IN ('planned', 'written', 'dispatched', 'acknowledged', 'retry_wait', 'timed_out')
         OR (status = 'cancelled' AND NOT late AND attempts > 0)`);
    await runner.query(
      'CREATE INDEX campaign_targets_list ON campaign_targets (tenant_id, launch_id, status, device_id)',
    );
    await runner.query(`
      CREATE INDEX campaign_targets_turn ON campaign_targets (tenant_id, launch_id, batch, place)
      WHERE status = 'planned'`);
    await runner.query(`
      CREATE INDEX campaign_targets_deadline ON campaign_targets (tenant_id, launch_id, deadline_at)
      WHERE deadline_at IS NOT NULL AND finished_at IS NULL`);
    await runner.query(`
      CREATE INDEX campaign_targets_retry ON campaign_targets (tenant_id, launch_id, retry_at)
      WHERE retry_at IS NOT NULL`);
    // Not columns of one row: each change touches few of them.
    await runner.query(`
      CREATE TABLE campaign_counters (
        tenant_id text    NOT NULL,
        launch_id text    COLLATE "C" NOT NULL,
        batch     integer NOT NULL,
        counted   text    NOT NULL,
        n         integer NOT NULL,
        PRIMARY KEY (tenant_id, launch_id, batch, counted)
      ) WITH (fillfactor = 50)`);
    await runner.query(`
      CREATE TABLE campaign_failures (
        tenant_id text    NOT NULL,
        launch_id text    COLLATE "C" NOT NULL,
        status    text    NOT NULL,
        origin    text    NOT NULL,
        code      text    NOT NULL,
        n         integer NOT NULL,
        PRIMARY KEY (tenant_id, launch_id, status, origin, code)
      ) WITH (fillfactor = 50)`);
    // From dispatch to success. Bucket b holds times up to 10^(b/20) ms: each is 12 % longer than the one before.
    await runner.query(`
      CREATE TABLE campaign_durations (
        tenant_id text    NOT NULL,
        launch_id text    COLLATE "C" NOT NULL,
        bucket    integer NOT NULL,
        n         integer NOT NULL,
        PRIMARY KEY (tenant_id, launch_id, bucket)
      ) WITH (fillfactor = 50)`);
    await runner.query(`
      CREATE TABLE campaign_points (
        tenant_id text        NOT NULL,
        launch_id text        COLLATE "C" NOT NULL,
        at        timestamptz NOT NULL,
        counts    jsonb       NOT NULL,
        PRIMARY KEY (tenant_id, launch_id, at)
      )`);
    // What was handed to another service and not answered yet: asked again with the same id after a kill.
    await runner.query(`
      CREATE TABLE campaign_writes (
        tenant_id  text   NOT NULL,
        launch_id  text   COLLATE "C" NOT NULL,
        operation  text   NOT NULL,
        kind       text   NOT NULL CHECK (kind IN ('write', 'offer')),
        device_ids text[] NOT NULL,
        PRIMARY KEY (tenant_id, launch_id, operation)
      )`);
    await runner.query(`
      CREATE TABLE tenant_paces (
        tenant_id text  NOT NULL PRIMARY KEY,
        bucket    jsonb NOT NULL
      ) WITH (fillfactor = 50)`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
