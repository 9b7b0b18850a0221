import type { Actor } from '@muster/contracts';
import type { JobItemError } from '@muster/contracts/jobs/published';
import type { EventStore } from '@muster/event-store';
import type pg from 'pg';
import { job, type JobCommand } from './job.decider.js';
import type { JobStanding } from './job.events.js';
import { addTask, PLAN_TASK, planTask } from './tasks.js';

export interface JobKey {
  readonly tenantId: string;
  readonly jobId: string;
}

/** What a job's row says, locked until the end of the transaction. */
export interface LockedJob extends JobKey {
  readonly actor: Actor;
  readonly parent: string | null;
  readonly lane: string | null;
  readonly place: string | null;
  readonly cancelled: boolean;
}

/**
 * Locks the row of a job, which whoever changes anything of it has locked; undefined: there is none. The order in which
 * rows are locked, so that nobody waits in a circle: a chunk, the job, its parent, its lane.
 */
export const lockJob = async (
  tx: pg.PoolClient,
  { tenantId, jobId }: JobKey,
): Promise<LockedJob | undefined> => {
  const { rows } = await tx.query<Omit<LockedJob, keyof JobKey>>({
    name: 'lock-job',
    text: `SELECT actor, parent, lane, place, cancelled FROM job_work
           WHERE tenant_id = $1 AND job_id = $2 FOR NO KEY UPDATE`,
    values: [tenantId, jobId],
  });
  return rows[0] === undefined ? undefined : { tenantId, jobId, ...rows[0] };
};

/** Of two ends, or an end and a beginning, in one lane, the later sees what the other has done. */
export const lockLane = async (tx: pg.PoolClient, tenantId: string, lane: string): Promise<void> => {
  await tx.query({
    name: 'lock-job-lane',
    text: 'SELECT 1 FROM job_lanes WHERE tenant_id = $1 AND lane = $2 FOR UPDATE',
    values: [tenantId, lane],
  });
};

export interface Recorded {
  readonly standing: JobStanding | null;
  readonly version: number;
  /** How many events the command caused. */
  readonly news: number;
}

/** Commands to jobs, with all that follows from them in the same transaction. */
export class JobRecord {
  constructor(
    private readonly schema: string,
    private readonly store: EventStore,
    private readonly itemsFailed: (kind: string, errors: readonly JobItemError[]) => void = () => undefined,
  ) {}

  /** Undefined: no such job. The events are `actor`'s; by default of whoever wanted the job. */
  async record(
    tx: pg.PoolClient,
    key: JobKey,
    command: JobCommand,
    actor?: Actor,
  ): Promise<Recorded | undefined> {
    const locked = await lockJob(tx, key);
    if (locked === undefined) return undefined;
    const { tenantId, jobId } = key;
    const { events, state, version } = await this.store.execute(job, {
      tenantId,
      id: jobId,
      command,
      // Whoever cancels a job does something; the rest is how it goes on, and what is done to its parts.
      metadata: {
        actor: actor ?? locked.actor,
        ...(command.type === 'CancelJob' && locked.parent === null ? {} : { job: locked.parent ?? jobId }),
      },
      within: tx,
    });
    const { standing } = state;
    if (standing === null || events.length === 0) return { standing, version, news: 0 };
    if (command.type === 'RecordChunk' || command.type === 'Advance')
      this.itemsFailed(standing.kind, command.errors);
    if (locked.parent !== null) {
      const { status, total, done, failed, reason } = standing;
      await this.record(
        tx,
        { tenantId, jobId: locked.parent },
        {
          type: 'RecordChild',
          child: jobId,
          standing: { status, total, done, failed, ...(reason === undefined ? {} : { reason }) },
          at: command.at,
        },
        actor,
      );
    }
    if (standing.endedAt !== undefined) await this.end(tx, locked);
    return { standing, version, news: events.length };
  }

  /** The time of the end is the database's: processes' clocks differ. The next in the lane is woken with the commit. */
  private async end(tx: pg.PoolClient, { tenantId, jobId, lane, place }: LockedJob): Promise<void> {
    await tx.query('UPDATE job_work SET ended_at = now() WHERE tenant_id = $1 AND job_id = $2', [
      tenantId,
      jobId,
    ]);
    if (lane === null) return;
    await lockLane(tx, tenantId, lane);
    const { rows } = await tx.query<{ job_id: string }>({
      name: 'next-job',
      text: `SELECT job_id FROM job_work WHERE tenant_id = $1 AND lane = $2 AND place > $3 AND ended_at IS NULL
             ORDER BY place LIMIT 1`,
      values: [tenantId, lane, place],
    });
    for (const next of rows) {
      await addTask(tx, this.schema, PLAN_TASK, planTask(tenantId, next.job_id));
    }
  }
}
