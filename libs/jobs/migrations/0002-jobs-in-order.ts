import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Order among jobs, children, retries, cancelling, and timers. */
export class JobsInOrder1764300000001 implements MigrationInterface {
  readonly name = 'JobsInOrder1764300000001';

  async up(runner: QueryRunner): Promise<void> {
    // Whoever asks for a place locks the row until its commit: places rise in the order of the commits, and whoever looks
    // for the job before its own has seen all that have a lower place.
    await runner.query(`
      CREATE TABLE job_lanes (
        tenant_id text   NOT NULL,
        lane      text   NOT NULL,
        place     bigint NOT NULL,
        PRIMARY KEY (tenant_id, lane)
      )`);
    // `lane` and `place`: of a job that waits for the ones before it; both null where jobs run side by side.
    await runner.query(`
      ALTER TABLE job_work
        ADD parent    text,
        ADD retry_of  text,
        ADD lane      text,
        ADD place     bigint,
        ADD cancelled boolean NOT NULL DEFAULT false`);
    // What waits at this moment keeps its order: these were in order by their ids.
    await runner.query(`
      UPDATE job_work w SET lane = w.kind, place = o.place
      FROM (SELECT tenant_id, job_id, row_number() OVER (PARTITION BY tenant_id ORDER BY job_id) AS place
            FROM job_work WHERE kind = 'configuration-bulk' AND ended_at IS NULL) o
      WHERE w.tenant_id = o.tenant_id AND w.job_id = o.job_id`);
    await runner.query(`
      INSERT INTO job_lanes (tenant_id, lane, place)
      SELECT tenant_id, lane, max(place) FROM job_work WHERE lane IS NOT NULL GROUP BY tenant_id, lane`);
    await runner.query(
      'CREATE INDEX job_work_lanes ON job_work (tenant_id, lane, place) WHERE lane IS NOT NULL AND ended_at IS NULL',
    );
    await runner.query(
      'CREATE INDEX job_work_parents ON job_work (tenant_id, parent, job_id) WHERE parent IS NOT NULL',
    );
    await runner.query(
      'CREATE INDEX job_work_retries ON job_work (tenant_id, retry_of) WHERE retry_of IS NOT NULL AND ended_at IS NULL',
    );
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
