import { Controller, Inject } from '@nestjs/common';
import { AppError, DEFAULT_PAGE, newId } from '@muster/contracts';
import { getDeviceType } from '@muster/contracts/device-registry/device-types.requests';
import {
  listFindings,
  startReconcile,
  type FindingPage,
  type ListFindings,
  type ReconcileInput,
  type StartReconcile,
} from '@muster/contracts/iothub-adapter/reconcile.requests';
import type { JobStarted } from '@muster/contracts/jobs/requests';
import { idempotently, type Database, type EventStore } from '@muster/event-store';
import { job, Jobs } from '@muster/jobs';
import { Handles, type Bus } from '@muster/messaging';
import { BUS, DATABASE, decodeCursor, EVENT_STORE, pageBy, TEXT } from '@muster/service-host';
import type pg from 'pg';
import { HubKeys } from '../hub/hub-keys.js';
import { findHub, type StoredHub } from '../hub/hubs.projection.js';
import { Findings } from './findings.js';
import { RECONCILE_DRY_RUN_JOB, RECONCILE_JOB, type ReconcileParams } from './reconcile-job.js';

@Controller()
export class ReconcileHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(BUS) private readonly bus: Pick<Bus, 'request'>,
    @Inject(HubKeys) private readonly keys: HubKeys,
    @Inject(Jobs) private readonly jobs: Jobs,
    @Inject(Findings) private readonly findings: Findings,
  ) {}

  @Handles(startReconcile)
  async start({ idempotencyKey, ...body }: StartReconcile): Promise<JobStarted> {
    const { tenantId, actor, hubId, reconcile } = body;
    return idempotently(this.database, {
      tenantId,
      key: idempotencyKey,
      body: { operation: startReconcile.subject, ...body },
      prepare: async () => {
        const hub = await findHub(this.database, tenantId, hubId);
        await this.keys.accessTo(this.database, hub);
        return this.paramsOf(hub, reconcile);
      },
      run: async (tx, params) => {
        const kind = reconcile.dryRun === true ? RECONCILE_DRY_RUN_JOB : RECONCILE_JOB;
        const jobId = newId();
        await this.takeTurn(tx, tenantId, hubId, jobId);
        await this.jobs.start(tx, { tenantId, jobId, kind, params, actor });
        return { jobId };
      },
    });
  }

  private async paramsOf(hub: StoredHub, { unknown, deviceType }: ReconcileInput): Promise<ReconcileParams> {
    const params = { hubId: hub.id, unknown: unknown ?? 'report', since: new Date().toISOString() };
    if ((params.unknown === 'adopt') !== (deviceType != null))
      throw refused('must be given with unknown "adopt", and only with it');
    if (deviceType == null) return params;
    const { id } = await this.bus.request(getDeviceType, { tenantId: hub.tenantId, deviceType });
    if (hub.deviceTypes.length > 0 && !hub.deviceTypes.includes(id))
      throw refused('must be a type whose devices are in this IoT Hub (its deviceTypes)');
    return { ...params, deviceType: id };
  }

  /** Two at once would each take what the other has just made for something that is different. */
  private async takeTurn(tx: pg.PoolClient, tenantId: string, hubId: string, jobId: string): Promise<void> {
    const { rowCount } = await tx.query(
      'INSERT INTO hub_reconciliations (hub_id, job_id) VALUES ($1, $2) ON CONFLICT DO NOTHING',
      [hubId, jobId],
    );
    if (rowCount === 1) return;
    const { rows } = await tx.query<{ job_id: string }>(
      'SELECT job_id FROM hub_reconciliations WHERE hub_id = $1 FOR UPDATE',
      [hubId],
    );
    const before = rows[0]?.job_id ?? '';
    const { state } = await this.store.load(job, tenantId, before, { within: tx });
    if (state.standing !== null && state.standing.endedAt === undefined)
      throw new AppError('iot-hub-busy', `Job ${before} reconciles this IoT Hub; one at a time.`);
    await tx.query('UPDATE hub_reconciliations SET job_id = $2 WHERE hub_id = $1', [hubId, jobId]);
  }

  @Handles(listFindings)
  async list({
    tenantId,
    hubId,
    finding,
    outcome,
    limit: wanted,
    cursor,
    count,
  }: ListFindings): Promise<FindingPage> {
    const hub = await findHub(this.database, tenantId, hubId);
    const limit = wanted ?? DEFAULT_PAGE;
    const which = { finding: finding ?? undefined, outcome: outcome ?? undefined };
    const list = `iot-hub-findings ${hubId} ${which.finding ?? ''} ${which.outcome ?? ''}`;
    const [after] = decodeCursor(list, cursor, [TEXT]) ?? [];
    const found = await this.findings.list(hub, { ...which, after, limit: limit + 1 });
    return {
      ...pageBy(list, found, limit, ({ hubDeviceId }) => [hubDeviceId]),
      ...(count === true ? { total: await this.findings.count(hub, which) } : {}),
    };
  }
}

const refused = (message: string): AppError =>
  new AppError('invalid-request', `reconcile.deviceType ${message}.`, {
    errors: [{ path: 'reconcile.deviceType', message }],
  });
