import type { MigrationInterface, QueryRunner } from 'typeorm';
import { workerSchema } from '../src/worker-schema.js';

/** What is to be done for a job, and an empty schema for graphile-worker beside the service's own. */
export class Jobs1763600900001 implements MigrationInterface {
  readonly name = 'Jobs1763600900001';

  async up(runner: QueryRunner): Promise<void> {
    // `cursor` is where the next page of the plan begins. Once planned, the items do not change any more.
    await runner.query(`
      CREATE TABLE job_work (
        tenant_id text        NOT NULL,
        job_id    text        NOT NULL,
        kind      text        NOT NULL,
        params    jsonb       NOT NULL,
        actor     jsonb       NOT NULL,
        cursor    text,
        chunks    integer     NOT NULL DEFAULT 0,
        items     integer     NOT NULL DEFAULT 0,
        planned   boolean     NOT NULL DEFAULT false,
        ended_at  timestamptz,
        PRIMARY KEY (tenant_id, job_id)
      )`);
    await runner.query('CREATE INDEX job_work_ended ON job_work (ended_at) WHERE ended_at IS NOT NULL');
    await runner.query(`
      CREATE TABLE job_chunks (
        tenant_id text    NOT NULL,
        job_id    text    NOT NULL,
        chunk     integer NOT NULL,
        items     jsonb   NOT NULL,
        done      boolean NOT NULL DEFAULT false,
        PRIMARY KEY (tenant_id, job_id, chunk),
        FOREIGN KEY (tenant_id, job_id) REFERENCES job_work ON DELETE CASCADE
      )`);
    await this.makeWorkerSchema(runner);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }

  /**
   * The role that owns a service's schema may not make another one; the login that migrates may, as it has made the
   * first. graphile-worker makes its tables itself, as that role, if it finds its list of migrations: without that it
   * would ask for the right to make schemas.
   */
  private async makeWorkerSchema(runner: QueryRunner): Promise<void> {
    const rows = (await runner.query('SELECT current_user AS role, current_schema AS schema')) as {
      role: string;
      schema: string;
    }[];
    const [own] = rows;
    if (own === undefined) throw new Error('PostgreSQL did not say who we are');
    const schema = workerSchema(own.schema);
    await runner.query('SET ROLE NONE');
    await runner.query(`CREATE SCHEMA IF NOT EXISTS ${schema} AUTHORIZATION ${own.role}`);
    await runner.query(`SET ROLE ${own.role}`);
    await runner.query(`
      CREATE TABLE ${schema}.migrations (
        id       integer     NOT NULL PRIMARY KEY,
        ts       timestamptz NOT NULL DEFAULT now(),
        breaking boolean     NOT NULL DEFAULT false
      )`);
  }
}
