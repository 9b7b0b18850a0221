import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The list of the jobs of all services, from their events. */
export class JobList1763600800001 implements MigrationInterface {
  readonly name = 'JobList1763600800001';

  async up(runner: QueryRunner): Promise<void> {
    // Ids are UUIDv7 in hexadecimal, so their order as bytes is the order in which the jobs were started.
    await runner.query(`
      CREATE TABLE jobs (
        tenant_id  text        NOT NULL,
        job_id     text        COLLATE "C" NOT NULL,
        version    integer     NOT NULL,
        kind       text        NOT NULL,
        status     text        NOT NULL,
        total      integer,
        done       integer     NOT NULL,
        failed     integer     NOT NULL,
        actor      jsonb       NOT NULL,
        created_at timestamptz NOT NULL,
        started_at timestamptz,
        ended_at   timestamptz,
        parent     text        COLLATE "C",
        reason     jsonb,
        PRIMARY KEY (tenant_id, job_id)
      ) WITH (fillfactor = 80)`);
    await runner.query('CREATE INDEX jobs_by_kind ON jobs (tenant_id, kind, job_id)');
    // The ones that somebody looks for: the few that have not ended, and the few that failed.
    await runner.query(
      `CREATE INDEX jobs_by_status ON jobs (tenant_id, status, job_id) WHERE status <> 'success'`,
    );
    await runner.query(
      'CREATE INDEX jobs_by_parent ON jobs (tenant_id, parent, job_id) WHERE parent IS NOT NULL',
    );
    // Not a column of jobs, and without a reference to it: an error may arrive before the first event of its job.
    await runner.query(`
      CREATE TABLE job_errors (
        tenant_id text NOT NULL,
        job_id    text COLLATE "C" NOT NULL,
        item      text COLLATE "C" NOT NULL,
        code      text NOT NULL,
        detail    text NOT NULL,
        PRIMARY KEY (tenant_id, job_id, item)
      )`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
