import { AppError, isPassing } from '@muster/contracts';
import { asAppError, type Database, type EventStore } from '@muster/event-store';
import type { Jobs, StepHandler, Steps } from '@muster/jobs';
import type { Bus } from '@muster/messaging';
import { numberOf, openTargets, statusCounts, sumOf, unsynced, type Counts } from '../batch/counts.js';
import { nextStep, retriesAt, type Action, type NextStep, type Situation } from '../batch/next-step.js';
import type { EngineCommand } from '../campaign/campaign-commands.js';
import { phaseOfFault, type CampaignPhases } from '../campaign/campaign-phases.js';
import type { Campaign } from '../campaign/campaign-state.js';
import { CAMPAIGN_STEP } from '../campaign/campaign-steps.js';
import { campaign } from '../campaign/campaign.decider.js';
import { ENGINE } from '../campaign/engine.decider.js';
import type { Points } from '../statistics/points.js';
import { hubLimit } from './hub-limit.js';
import type { Launches, LaunchRow } from './launches.js';
import type { Snapshot } from './snapshot.js';
import { ended, expire, type TargetReason } from './target.js';
import { OPEN, readCounts, readTargets, type TargetChanges, type TargetRow } from './target-rows.js';
import type { BatchWriter, LaunchRef } from './write-batch.js';

interface Parts {
  readonly bus: Pick<Bus, 'request'>;
  readonly database: Database;
  readonly store: EventStore;
  readonly steps: Steps;
  readonly jobs: Jobs;
  readonly points: Points;
  readonly phases: CampaignPhases;
  readonly launches: Launches;
  readonly changes: TargetChanges;
  readonly snapshot: Snapshot;
  readonly writer: BatchWriter;
}

/** One run goes on for so long at most: others of its queue wait for it, and so does the end of the process. */
const RUN_MS = 2_000;
/** Targets that are ended at once. */
const ENDED_AT_ONCE = 2_000;

/** Carries a launched campaign on. See docs/adr/0025-campaign-steps.md. */
export const campaignStep =
  (parts: Parts): StepHandler =>
  async ({ tenantId, key: campaignId }) => {
    const until = Date.now() + RUN_MS;
    const step = new CampaignStep(parts, tenantId, campaignId);
    try {
      while (await step.once()) {
        if (Date.now() < until) continue;
        await step.again();
        return;
      }
    } catch (error) {
      // Where the database is away, nobody can read the phase either.
      await step.waitsBecauseOf(error).catch(() => undefined);
      throw error;
    }
  };

class CampaignStep {
  private phase: NextStep['phase'] = null;
  private isRunning = false;

  constructor(
    private readonly parts: Parts,
    private readonly tenantId: string,
    private readonly campaignId: string,
  ) {}

  /** Looks, and does one thing. False: there is nothing to do before the next step, which is set. */
  async once(): Promise<boolean> {
    const { store, launches } = this.parts;
    const { tenantId, campaignId } = this;
    const { state } = await store.load(campaign, tenantId, campaignId);
    this.isRunning = state.status === 'running';
    if (state.launch === null) return this.rest(null);
    const { launchId } = state.launch;
    const ref: LaunchRef = { tenantId, campaignId, launchId };
    const row = await launches.read(tenantId, launchId);
    if (row !== undefined && state.launch.resolved) await this.due(ref, row, state);
    const before = await this.situation(ref, row, state);
    const limited = isTelling(before) ? await hubLimit(this.parts, ref) : null;
    const situation = { ...before, limited };
    const next = nextStep(situation);
    this.phase = next.phase;
    if (next.action !== null) {
      await this.act(ref, row, { state, situation, action: next.action });
      await this.tell(ref, row, { state, counts: situation.counts, isPoint: false });
      return true;
    }
    await this.tell(ref, row, { state, counts: situation.counts, isPoint: true });
    // Completed it may be long before: as long as one of its devices is open, another campaign has to reckon with it.
    if (state.status === 'completed' && row?.open === true && openTargets(sumOf(situation.counts)) === 0)
      await launches.note(this.parts.database, tenantId, launchId, { open: false });
    return this.rest(next);
  }

  /** Goes on at once, and lets others by. */
  async again(): Promise<void> {
    const { tenantId, campaignId, phase } = this;
    const at = new Date().toISOString();
    await this.parts.database.transaction(async (tx) => {
      if (phase !== null)
        await this.parts.phases.record(
          tx,
          { tenantId, campaignId, at },
          { phase: phase.name, detail: phase.detail, nextAt: null },
        );
      await this.parts.steps.set(tx, { tenantId, name: CAMPAIGN_STEP, key: campaignId, at });
    });
  }

  /** The step is tried again; until then operators see why it does not go on. */
  async waitsBecauseOf(error: unknown): Promise<void> {
    if (!this.isRunning) return;
    const { tenantId, campaignId } = this;
    await this.parts.database.transaction((tx) =>
      this.parts.phases.record(
        tx,
        { tenantId, campaignId, at: new Date().toISOString() },
        phaseOfFault(error),
      ),
    );
  }

  private async rest(next: NextStep | null): Promise<false> {
    const { database, phases, steps } = this.parts;
    const { tenantId, campaignId } = this;
    const at = new Date().toISOString();
    const phase = next?.phase ?? null;
    await database.transaction(async (tx) => {
      await phases.record(
        tx,
        { tenantId, campaignId, at },
        phase === null ? null : { phase: phase.name, detail: phase.detail, nextAt: phase.nextAt },
      );
      if (next?.nextAt != null)
        await steps.set(tx, { tenantId, name: CAMPAIGN_STEP, key: campaignId, at: next.nextAt });
    });
    return false;
  }

  private async situation(ref: LaunchRef, row: LaunchRow | undefined, state: Campaign): Promise<Situation> {
    const { database } = this.parts;
    const values = [ref.tenantId, ref.launchId];
    const { rows } = await database.query<{
      deadline_at: Date | null;
      retry_at: Date | null;
      handed: number;
    }>({
      name: 'campaign-due',
      text: `SELECT (SELECT min(deadline_at) FROM campaign_targets WHERE tenant_id = $1 AND launch_id = $2
                       AND deadline_at IS NOT NULL AND finished_at IS NULL) AS deadline_at,
                    (SELECT min(retry_at) FROM campaign_targets WHERE tenant_id = $1 AND launch_id = $2
                       AND retry_at IS NOT NULL) AS retry_at,
                    (SELECT coalesce(sum(cardinality(device_ids)), 0)::integer FROM campaign_writes
                     WHERE tenant_id = $1 AND launch_id = $2) AS handed`,
      values,
    });
    return {
      campaign: state,
      counts: await readCounts(database, ref.tenantId, ref.launchId, state.batches.length),
      handedOver: rows[0]?.handed ?? 0,
      now: new Date().toISOString(),
      away: row?.away ?? null,
      limited: null,
      // What had to wait at another rate asks again.
      pacedUntil: row?.pacedAtRate === state.rate.ratePerMinute ? row.pacedUntil : null,
      deadlineAt: rows[0]?.deadline_at?.toISOString() ?? null,
      retryAt: rows[0]?.retry_at?.toISOString() ?? null,
    };
  }

  /** What has become due of single devices, and what a process that died has left. */
  private async due(ref: LaunchRef, row: LaunchRow, state: Campaign): Promise<void> {
    const { writer } = this.parts;
    const now = new Date().toISOString();
    for (;;) {
      const late = await readTargets(
        this.parts.database,
        ref.tenantId,
        `launch_id = $2 AND deadline_at <= $3 AND deadline_at IS NOT NULL AND finished_at IS NULL
         ORDER BY deadline_at LIMIT ${ENDED_AT_ONCE}`,
        [ref.launchId, now],
      );
      const next = late.flatMap((target) => {
        const after = expire(target, now);
        return after === null ? [] : [{ row: target, next: after }];
      });
      if (next.length === 0) break;
      await this.apply(ref, next);
    }
    const situation = await this.situation(ref, row, state);
    const isAway = row.away !== null && row.away.until > now;
    if (!isAway && situation.handedOver > 0) await writer.finish(ref, row);
    await this.exclude(ref, state.excluded, now);
    if (isAway || situation.retryAt === null) return;
    const from = retriesAt(situation, situation.retryAt);
    if (from !== null && from <= now) while (await writer.offerAgain(ref, row, now));
  }

  private async exclude(ref: LaunchRef, excluded: readonly string[], now: string): Promise<void> {
    if (excluded.length === 0) return;
    const rows = await readTargets(
      this.parts.database,
      ref.tenantId,
      // What was handed over may be written already: its answer comes first.
      `launch_id = $2 AND device_id = ANY($3) AND operation IS NULL AND ${OPEN}`,
      [ref.launchId, excluded],
    );
    const reason: TargetReason = {
      code: 'excluded',
      origin: 'user',
      detail: 'An operator took the device out.',
    };
    await this.apply(
      ref,
      rows.map((row) => ({
        row,
        next: ended(row, row.status === 'planned' ? 'skipped' : 'cancelled', now, reason),
      })),
    );
  }

  private async apply(
    ref: LaunchRef,
    next: readonly { readonly row: TargetRow; readonly next: ReturnType<typeof ended> }[],
  ): Promise<void> {
    if (next.length === 0) return;
    await this.parts.database.transaction((tx) => this.parts.changes.apply(tx, ref.tenantId, next));
  }

  private async act(
    ref: LaunchRef,
    row: LaunchRow | undefined,
    {
      state,
      situation,
      action,
    }: { readonly state: Campaign; readonly situation: Situation; readonly action: Action },
  ): Promise<void> {
    const { writer } = this.parts;
    const at = new Date().toISOString();
    switch (action.type) {
      case 'snapshot':
        return this.find(ref, state);
      case 'write': {
        if (row === undefined) throw new Error('a launch whose devices are known has a row');
        const { ratePerMinute } = state.rate;
        return writer.write(ref, row, { batch: action.batch, most: action.most, ratePerMinute });
      }
      case 'finish-writes':
        if (row === undefined) throw new Error('a launch whose devices are known has a row');
        return writer.finish(ref, row);
      case 'release':
        return this.command({ type: 'ReleaseByItself', index: action.batch, at });
      case 'dispatched':
        return this.command({ type: 'RecordBatchDispatched', index: action.batch, at });
      case 'synchronised':
        return this.command({ type: 'RecordBatchSynchronised', index: action.batch, at });
      case 'gate':
        return this.command({
          type: 'RecordGate',
          ...{ index: action.batch, answer: action.answer, numbers: action.numbers, at },
        });
      case 'pass':
        return this.command({ type: 'PassBatch', index: action.batch, at });
      case 'hold':
        return this.command({ type: 'HoldByThreshold', detail: action.detail, at });
      case 'cancel-targets':
        return this.cancelTargets(ref, state, action.which);
      case 'end-targets':
        return this.endTargets(ref, state);
      case 'finish-cancel':
        return this.finishCancel(ref, state, situation);
      case 'complete': {
        const targets = statusCounts(sumOf(situation.counts));
        return this.command({ type: 'CompleteCampaign', outcome: action.outcome, targets, at });
      }
      case 'settle': {
        const targets = statusCounts(sumOf(situation.counts));
        return this.command({ type: 'SettleCampaign', outcome: action.outcome, targets, at });
      }
    }
  }

  private async command(command: EngineCommand): Promise<void> {
    const { store } = this.parts;
    const { tenantId, campaignId } = this;
    await store.execute(campaign, { tenantId, id: campaignId, command, metadata: { actor: ENGINE } });
  }

  /** What is refused undoes the launch. */
  private async find({ tenantId, campaignId, launchId }: LaunchRef, state: Campaign): Promise<void> {
    const { database, store, snapshot } = this.parts;
    try {
      await snapshot.go(tenantId, campaignId, state);
    } catch (error) {
      const fault = asAppError(error);
      if (!(fault instanceof AppError) || isPassing(fault)) throw error;
      const { code, detail } = fault;
      await database.transaction(async (tx) => {
        await store.execute(campaign, {
          tenantId,
          id: campaignId,
          command: { type: 'FailLaunch', launchId, code, detail, at: new Date().toISOString() },
          metadata: { actor: ENGINE },
          within: tx,
        });
        await snapshot.forget(tx, tenantId, launchId);
      });
    }
  }

  private async cancelTargets(ref: LaunchRef, { cancel }: Campaign, which: 'untold' | 'all'): Promise<void> {
    const untold = `(status IN ('planned', 'retry_wait') OR (status = 'written' AND synced))`;
    const rows = await this.openRows(ref, which === 'all' ? 'true' : untold);
    const now = new Date().toISOString();
    const reason: TargetReason = {
      code: 'campaign-cancelled',
      origin: 'campaign',
      detail: 'The campaign was cancelled.',
      ...(cancel === null ? {} : { by: cancel.by, at: cancel.at }),
    };
    await this.apply(
      ref,
      rows.map((row) => ({ row, next: ended(row, 'cancelled', now, reason) })),
    );
  }

  private async endTargets(ref: LaunchRef, { waitEnded }: Campaign): Promise<void> {
    const rows = await this.openRows(ref, 'true');
    const now = new Date().toISOString();
    const reason: TargetReason =
      waitEnded === null
        ? { code: 'campaign_ended', origin: 'campaign', detail: 'The end of the campaign had come.' }
        : {
            ...{ code: 'wait_ended', origin: 'user', by: waitEnded.by, at: waitEnded.at },
            detail: waitEnded.reason ?? 'An operator ended the wait for the devices.',
          };
    await this.apply(
      ref,
      rows.map((row) => ({
        row,
        next: ended(row, row.status === 'planned' ? 'skipped' : 'timed_out', now, reason),
      })),
    );
  }

  private openRows({ tenantId, launchId }: LaunchRef, which: string): Promise<TargetRow[]> {
    return readTargets(
      this.parts.database,
      tenantId,
      `launch_id = $2 AND ${OPEN} AND ${which} LIMIT ${ENDED_AT_ONCE}`,
      [launchId],
    );
  }

  private async finishCancel(ref: LaunchRef, state: Campaign, { counts }: Situation): Promise<void> {
    const { tenantId, launchId } = ref;
    const all = sumOf(counts);
    if (openTargets(all) > 0) return this.cancelTargets(ref, state, 'all');
    const { database, store, jobs, launches, snapshot } = this.parts;
    const at = new Date().toISOString();
    await database.transaction(async (tx) => {
      await store.execute(campaign, {
        tenantId,
        id: this.campaignId,
        command: { type: 'FinishCancel', targets: statusCounts(all), at },
        metadata: { actor: ENGINE },
        within: tx,
      });
      const actor = state.cancel?.by ?? ENGINE;
      if (state.jobId === null) await snapshot.forget(tx, tenantId, launchId);
      else await jobs.finish(tx, { tenantId, jobId: state.jobId, actor });
      await launches.note(tx, tenantId, launchId, { open: false });
    });
  }

  /** How far the jobs are; and, at rest, a point of the curve over time. */
  private async tell(
    ref: LaunchRef,
    row: LaunchRow | undefined,
    {
      state,
      counts,
      isPoint,
    }: { readonly state: Campaign; readonly counts: readonly Counts[]; readonly isPoint: boolean },
  ): Promise<void> {
    if (row === undefined || state.launch?.resolved !== true) return;
    const { database, jobs, launches } = this.parts;
    const { tenantId, launchId } = ref;
    const news = state.batches.flatMap(({ index, size, jobId, status }) => {
      if (status === 'planned' || status === 'waiting') return [];
      const own = counts[index - 1] ?? {};
      // What is cancelled with the campaign was never done.
      const given = state.cancel === null ? 0 : numberOf(own, 'cancelled');
      const done = size - numberOf(own, 'planned') - unsynced(own) - given;
      const failed = numberOf(own, 'failed', 'timed_out');
      const [toldDone, toldFailed] = row.told[index] ?? [-1, -1];
      return done > toldDone || (failed > toldFailed && done < size) ? [{ index, jobId, done, failed }] : [];
    });
    if (news.length > 0) {
      const told = {
        ...row.told,
        ...Object.fromEntries(news.map(({ index, done, failed }) => [index, [done, failed] as const])),
      };
      await database.transaction(async (tx) => {
        for (const { jobId, done, failed } of news)
          await jobs.progress(tx, { tenantId, jobId }, { done, failed });
        await launches.note(tx, tenantId, launchId, { told });
      });
    }
    if (isPoint) await this.parts.points.record(tenantId, launchId, sumOf(counts));
  }
}

/** Whether documents are on their way to interfaces. */
const isTelling = ({ campaign: { status, batches }, counts }: Situation): boolean =>
  status === 'running' &&
  batches.some(
    (batch) =>
      (batch.status === 'writing' || batch.status === 'syncing') &&
      unsynced(counts[batch.index - 1] ?? {}) > 0,
  );
