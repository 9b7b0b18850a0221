import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Samples1763600200001 implements MigrationInterface {
  readonly name = 'Samples1763600200001';

  async up(runner: QueryRunner): Promise<void> {
    // One wide row per sample and one btree, which is the natural key: a second index costs a third of the speed.
    // `redelivered_at`: arrival of the redelivery that this row was recognised in; it is null in nearly every row and
    // costs nothing there, because eight columns' null bits fit in the padding of the row header.
    await runner.query(`
      CREATE TABLE samples (
        ts             timestamptz NOT NULL,
        hash           bigint      NOT NULL,
        received_at    timestamptz NOT NULL,
        redelivered_at timestamptz,
        tenant_id      text        NOT NULL,
        device_id      text        NOT NULL,
        data           jsonb       NOT NULL,
        PRIMARY KEY (tenant_id, device_id, ts, hash)
      ) PARTITION BY RANGE (ts)`);
    await runner.query('CREATE TABLE samples_default PARTITION OF samples DEFAULT');

    // Per device: key → [value, time in Unix microseconds]. `newest_at` is the newest time in it. `oldest_written` says
    // of the last write what was its oldest time; it is a column only because ON CONFLICT sees nothing else of the
    // incoming row. fillfactor leaves room for updates within the page (HOT): every batch updates its devices' rows.
    await runner.query(`
      CREATE TABLE latest_values (
        tenant_id      text   NOT NULL,
        device_id      text   NOT NULL,
        newest_at      bigint NOT NULL,
        oldest_written bigint NOT NULL,
        "values"       jsonb  NOT NULL,
        PRIMARY KEY (tenant_id, device_id)
      ) WITH (fillfactor = 60)`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
