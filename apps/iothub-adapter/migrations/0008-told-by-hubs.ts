import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What hubs tell: by which routes, of which identities to be enrolled. */
export class ToldByHubs1763600800008 implements MigrationInterface {
  readonly name = 'ToldByHubs1763600800008';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE hub_probes (
        hub_id    text        NOT NULL PRIMARY KEY,
        -- The identity that was made and removed last, to see whether the hub tells of it.
        probe_id  text        NOT NULL,
        probed_at timestamptz NOT NULL DEFAULT now(),
        -- That it has not was said in the log.
        told      boolean     NOT NULL DEFAULT false
      )`);
    await runner.query(`
      CREATE TABLE hub_routes (
        hub_id   text NOT NULL,
        source   text NOT NULL,
        -- The last event of a device, by the hub's clock, to within a minute. NULL: there was none.
        seen_at  timestamptz,
        -- The last probe that came back.
        probe_id text,
        PRIMARY KEY (hub_id, source)
      )`);
    await runner.query(`
      CREATE TABLE hub_enrolments (
        hub_id   text    NOT NULL PRIMARY KEY,
        -- By its rule, in all.
        enrolled integer NOT NULL
      )`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
