import type { Actor } from '@muster/contracts';
import type { JobChanged, JobReason, JobStands, JobStatus } from '@muster/contracts/jobs/published';
import type { ChildJob, JobDetails, JobError, JobView } from '@muster/contracts/jobs/requests';
import type { Database } from '@muster/event-store';

export interface JobKey {
  readonly tenantId: string;
  readonly jobId: string;
}

export interface ChangeOfJob {
  readonly tenantId: string;
  /** Which runs it. */
  readonly service: string;
  readonly data: JobStands & Pick<JobChanged, 'errors'>;
}

export interface JobFilter {
  readonly status: JobStatus | undefined;
  readonly kind: string | undefined;
  readonly parent: string | undefined;
}

interface JobRow {
  job_id: string;
  kind: string;
  status: JobStatus;
  total: number | null;
  done: number;
  failed: number;
  actor: Actor;
  created_at: Date;
  started_at: Date | null;
  ended_at: Date | null;
  parent: string | null;
  retry_of: string | null;
  cancelled_by: Actor | null;
  reason: JobReason | null;
}

const MAX_CHILDREN = 500;
/** Of one round of forgetting. */
const FORGET_JOBS = 100;
const FORGET_ERRORS = 10_000;
const COLUMNS =
  'job_id, kind, status, total, done, failed, actor, created_at, started_at, ended_at, parent, retry_of, cancelled_by, reason';

/** Jobs of all services and the errors of their items. Events may come again and in any order. */
export class JobList {
  constructor(private readonly database: Database) {}

  /**
   * Every event has all of a job's standing, so of several only the newest matters, and one that is older than what is
   * known says nothing. Its errors do: they are in no other event.
   */
  async follow(changes: readonly ChangeOfJob[]): Promise<void> {
    const newest = new Map<string, ChangeOfJob>();
    for (const change of changes) {
      const key = `${change.tenantId}\n${change.data.jobId}`;
      const known = newest.get(key);
      if (known === undefined || known.data.version < change.data.version) newest.set(key, change);
    }
    const errors = changes.flatMap(({ tenantId, data }) =>
      (data.errors ?? []).map((error) => ({ tenantId, jobId: data.jobId, ...error })),
    );
    await this.database.transaction(async (tx) => {
      // In the order of the keys, or two replicas with jobs in common would wait for each other.
      const jobs = [...newest].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, change]) => change);
      await tx.query(
        `INSERT INTO jobs (tenant_id, job_id, version, kind, status, total, done, failed, actor, created_at, started_at,
                           ended_at, parent, reason, service, retry_of, cancelled_by)
         SELECT * FROM unnest($1::text[], $2::text[], $3::integer[], $4::text[], $5::text[], $6::integer[],
                              $7::integer[], $8::integer[], $9::jsonb[], $10::timestamptz[], $11::timestamptz[],
                              $12::timestamptz[], $13::text[], $14::jsonb[], $15::text[], $16::text[], $17::jsonb[])
         ON CONFLICT (tenant_id, job_id) DO UPDATE SET
           version = excluded.version, status = excluded.status, total = excluded.total, done = excluded.done,
           failed = excluded.failed, started_at = excluded.started_at, ended_at = excluded.ended_at,
           reason = excluded.reason, cancelled_by = excluded.cancelled_by
         WHERE jobs.version < excluded.version`,
        [
          jobs.map(({ tenantId }) => tenantId),
          jobs.map(({ data }) => data.jobId),
          jobs.map(({ data }) => data.version),
          jobs.map(({ data }) => data.kind),
          jobs.map(({ data }) => data.status),
          jobs.map(({ data }) => data.total),
          jobs.map(({ data }) => data.done),
          jobs.map(({ data }) => data.failed),
          jobs.map(({ data }) => JSON.stringify(data.actor)),
          jobs.map(({ data }) => data.createdAt),
          jobs.map(({ data }) => data.startedAt ?? null),
          jobs.map(({ data }) => data.endedAt ?? null),
          jobs.map(({ data }) => data.parent ?? null),
          jobs.map(({ data }) => (data.reason === undefined ? null : JSON.stringify(data.reason))),
          jobs.map(({ service }) => service),
          jobs.map(({ data }) => data.retryOf ?? null),
          jobs.map(({ data }) => (data.cancelledBy === undefined ? null : JSON.stringify(data.cancelledBy))),
        ],
      );
      if (errors.length === 0) return;
      await tx.query(
        `INSERT INTO job_errors (tenant_id, job_id, item, code, detail)
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) AS e (t, j, i, c, d)
         ORDER BY t, j, i ON CONFLICT DO NOTHING`,
        [
          errors.map(({ tenantId }) => tenantId),
          errors.map(({ jobId }) => jobId),
          errors.map(({ item }) => item),
          errors.map(({ code }) => code),
          errors.map(({ detail }) => detail),
        ],
      );
    });
  }

  async find({ tenantId, jobId }: JobKey): Promise<JobDetails | undefined> {
    const { rows } = await this.database.query<JobRow>({
      name: 'find-job',
      text: `SELECT ${COLUMNS} FROM jobs WHERE tenant_id = $1 AND job_id = $2`,
      values: [tenantId, jobId],
    });
    if (rows[0] === undefined) return undefined;
    return { ...viewOf(rows[0]), children: await this.children({ tenantId, jobId }) };
  }

  /** The service that runs it. */
  async ownerOf({ tenantId, jobId }: JobKey): Promise<string | undefined> {
    const { rows } = await this.database.query<{ service: string }>({
      name: 'job-owner',
      text: 'SELECT service FROM jobs WHERE tenant_id = $1 AND job_id = $2',
      values: [tenantId, jobId],
    });
    return rows[0]?.service;
  }

  /** Newest first. `before`: id of the last job of the page before. One more than `limit` means that there is another page. */
  async list(
    tenantId: string,
    filter: JobFilter,
    { before, limit }: { readonly before: string | undefined; readonly limit: number },
  ): Promise<JobView[]> {
    const { rows } = await this.database.query<JobRow>(
      `SELECT ${COLUMNS} FROM jobs WHERE ${WHICH} AND ($5::text IS NULL OR job_id < $5)
       ORDER BY job_id DESC LIMIT $6`,
      [...valuesOf(tenantId, filter), before ?? null, limit],
    );
    return rows.map(viewOf);
  }

  async count(tenantId: string, filter: JobFilter): Promise<number> {
    const { rows } = await this.database.query<{ total: number }>(
      `SELECT count(*)::integer AS total FROM jobs WHERE ${WHICH}`,
      valuesOf(tenantId, filter),
    );
    return rows[0]?.total ?? 0;
  }

  async countErrors({ tenantId, jobId }: JobKey): Promise<number> {
    const { rows } = await this.database.query<{ count: string }>(
      `SELECT count(*) FROM jobs j JOIN job_errors e ON e.tenant_id = j.tenant_id AND e.job_id = j.job_id
       WHERE j.tenant_id = $1 AND (j.job_id = $2 OR j.parent = $2)`,
      [tenantId, jobId],
    );
    return Number(rows[0]?.count ?? 0);
  }

  /**
   * Of the job and its children: by job, then by item. Ids are made in the order of time, so the parent's come first.
   * `after`: the last error of the page before.
   */
  async errors(
    { tenantId, jobId }: JobKey,
    {
      after,
      limit,
    }: { readonly after: Pick<JobError, 'jobId' | 'item'> | undefined; readonly limit: number },
  ): Promise<JobError[]> {
    const { rows } = await this.database.query<JobError>(
      // Page by page of each job's own: they may be very many in all.
      `SELECT e.job_id AS "jobId", e.item, e.code, e.detail
       FROM jobs j CROSS JOIN LATERAL (
         SELECT * FROM job_errors
         WHERE tenant_id = j.tenant_id AND job_id = j.job_id AND ($3::text IS NULL OR (job_id, item) > ($3, $4))
         ORDER BY item LIMIT $5) e
       WHERE j.tenant_id = $1 AND (j.job_id = $2 OR j.parent = $2) AND ($3::text IS NULL OR j.job_id >= $3)
       ORDER BY e.job_id, e.item LIMIT $5`,
      [tenantId, jobId, after?.jobId ?? null, after?.item ?? null, limit],
    );
    return rows;
  }

  /**
   * Removes some of the jobs that ended longer ago than that, a parent with its children, and their errors first, which may be
   * very many. True: there is more. SKIP LOCKED, so that replicas may do it at once.
   */
  forgetEnded(retentionDays: number): Promise<boolean> {
    return this.database.transaction(async (tx) => {
      const { rows } = await tx.query<{ tenant_id: string; job_id: string }>(
        `SELECT tenant_id, job_id FROM jobs j
         WHERE ended_at < now() - $1 * interval '1 day'
           AND NOT EXISTS (SELECT 1 FROM jobs p WHERE p.tenant_id = j.tenant_id AND p.job_id = j.parent)
         ORDER BY ended_at LIMIT ${FORGET_JOBS} FOR UPDATE SKIP LOCKED`,
        [retentionDays],
      );
      if (rows.length === 0) return false;
      const roots = [rows.map((row) => row.tenant_id), rows.map((row) => row.job_id)];
      const { rowCount: errors } = await tx.query(
        `DELETE FROM job_errors WHERE ctid = ANY (ARRAY(
           SELECT e.ctid FROM unnest($1::text[], $2::text[]) AS r (tenant_id, job_id)
           JOIN jobs j ON j.tenant_id = r.tenant_id AND (j.job_id = r.job_id OR j.parent = r.job_id)
           JOIN job_errors e ON e.tenant_id = j.tenant_id AND e.job_id = j.job_id LIMIT ${FORGET_ERRORS}))`,
        roots,
      );
      if (errors === FORGET_ERRORS) return true;
      await tx.query(
        `DELETE FROM jobs j USING unnest($1::text[], $2::text[]) AS r (tenant_id, job_id)
         WHERE j.tenant_id = r.tenant_id AND (j.job_id = r.job_id OR j.parent = r.job_id)`,
        roots,
      );
      return rows.length === FORGET_JOBS;
    });
  }

  private async children({ tenantId, jobId }: JobKey): Promise<ChildJob[]> {
    const { rows } = await this.database.query<ChildJob>({
      name: 'job-children',
      text: `SELECT job_id AS id, kind, status, total, done, failed FROM jobs
             WHERE tenant_id = $1 AND parent = $2 ORDER BY job_id LIMIT ${MAX_CHILDREN}`,
      values: [tenantId, jobId],
    });
    return rows;
  }
}

const WHICH = `tenant_id = $1 AND ($2::text IS NULL OR status = $2) AND ($3::text IS NULL OR kind = $3)
               AND ($4::text IS NULL OR parent = $4)`;

const valuesOf = (tenantId: string, { status, kind, parent }: JobFilter): unknown[] => [
  tenantId,
  status ?? null,
  kind ?? null,
  parent ?? null,
];

const viewOf = (row: JobRow): JobView => ({
  id: row.job_id,
  kind: row.kind,
  status: row.status,
  total: row.total,
  done: row.done,
  failed: row.failed,
  createdBy: row.actor,
  createdAt: row.created_at.toISOString(),
  ...(row.started_at === null ? {} : { startedAt: row.started_at.toISOString() }),
  ...(row.ended_at === null ? {} : { endedAt: row.ended_at.toISOString() }),
  ...(row.parent === null ? {} : { parent: row.parent }),
  ...(row.retry_of === null ? {} : { retryOf: row.retry_of }),
  ...(row.cancelled_by === null ? {} : { cancelledBy: row.cancelled_by }),
  ...(row.reason === null ? {} : { reason: row.reason }),
});
