import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How many devices of a supervision report which value; the indexes of the reasons are made by the next one, beside writes. */
export class ReasonsAndValues1764300000013 implements MigrationInterface {
  readonly name = 'ReasonsAndValues1764300000013';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE supervised_devices ADD COLUMN reports jsonb');
    await runner.query(`
      COMMENT ON COLUMN supervised_devices.reports IS
        'As it is counted in supervision_values: key → digest of what the device reports; null: not counted'`);
    await runner.query(`
      CREATE TABLE supervision_values (
        tenant_id      text    NOT NULL,
        supervision_id text    COLLATE "C" NOT NULL,
        key            text    NOT NULL,
        digest         text    NOT NULL,
        value          jsonb,
        n              integer NOT NULL,
        PRIMARY KEY (tenant_id, supervision_id, key, digest)
      ) WITH (fillfactor = 50)`);
    await runner.query(`
      COMMENT ON COLUMN supervision_values.digest IS 'Of the canonical JSON of the value; empty: no value is reported'`);
    await runner.query(`COMMENT ON COLUMN supervision_values.value IS 'Null: it is too long to be shown'`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
