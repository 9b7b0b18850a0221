import { AppError, isPassing, newId, type Actor } from '@muster/contracts';
import {
  changeDesiredMany,
  reofferMany,
  type DesiredOutcome,
} from '@muster/contracts/configuration/campaign.requests';
import { asAppError, type Database, type Queryable } from '@muster/event-store';
import type { Bus } from '@muster/messaging';
import type pg from 'pg';
import { takePortion, type Bucket } from '../batch/pace.js';
import type { DeviceWatch } from './device-watch.js';
import type { Launches, LaunchRow } from './launches.js';
import { ended, isFinal, offered, type TargetReason, type TargetState } from './target.js';
import {
  handOver,
  readTargets,
  type TargetChange,
  type TargetChanges,
  type TargetRow,
} from './target-rows.js';

interface Parts {
  readonly database: Database;
  readonly bus: Pick<Bus, 'request'>;
  readonly launches: Launches;
  readonly changes: TargetChanges;
  readonly watch: DeviceWatch;
  /** Of all campaigns of a tenant together. */
  readonly tenantRatePerMinute: number;
}

export interface LaunchRef {
  readonly tenantId: string;
  readonly campaignId: string;
  readonly launchId: string;
}

interface Operation {
  readonly operation: string;
  readonly kind: 'write' | 'offer';
  readonly deviceIds: readonly string[];
}

interface Handed extends Operation {
  /** Those of the devices that nobody has answered for. */
  readonly rows: readonly TargetRow[];
  /** Handed over by a process that did not get to the end of it. */
  readonly resumed: boolean;
}

interface Answered {
  readonly changes: readonly TargetChange[];
  /** Devices of which is told by itself what comes next. */
  readonly due: ReadonlySet<string>;
}

/** As many as one request changes. */
const MOST = 500;
const PORTIONS_AT_ONCE = 3;
const TIMEOUT_MS = 15_000;
/** Before a service that was away is asked again. */
const AWAY_MS = 2_000;

/**
 * Writes desired values of a campaign's devices, and offers documents again. What is handed over is stored before, under an id
 * by which `configuration` does it once; after a kill it is handed over again with that id.
 */
export class BatchWriter {
  constructor(private readonly parts: Parts) {}

  /**
   * Takes the next devices of a batch as the pace allows, and hands them over: a few portions at the same time, because each
   * waits for two services and their disks in turn. Their devices differ; of their numbers one waits for the other.
   */
  async write(
    ref: LaunchRef,
    row: LaunchRow,
    {
      batch,
      most,
      ratePerMinute,
    }: { readonly batch: number; readonly most: number; readonly ratePerMinute: number },
  ): Promise<void> {
    const faults: unknown[] = [];
    const underWay: Promise<void>[] = [];
    try {
      for (let left = most; left > 0 && underWay.length < PORTIONS_AT_ONCE;) {
        const taken = await this.take(ref, { batch, wanted: Math.min(left, MOST), ratePerMinute });
        if (taken === undefined) break;
        left -= taken.rows.length;
        underWay.push(this.do(ref, row, taken).catch((fault: unknown) => void faults.push(fault)));
      }
    } finally {
      // Also when one fails: whoever goes on after this finds none under way.
      await Promise.all(underWay);
    }
    if (faults.length > 0) throw faults[0];
  }

  private take(
    ref: LaunchRef,
    {
      batch,
      wanted,
      ratePerMinute,
    }: { readonly batch: number; readonly wanted: number; readonly ratePerMinute: number },
  ): Promise<Handed | undefined> {
    return this.parts.database.transaction(async (tx) => {
      const count = await this.portion(tx, ref, { wanted, ratePerMinute });
      if (count === 0) return undefined;
      return this.handOver(tx, ref, 'write', {
        which: `batch = $4 AND status = 'planned' ORDER BY place LIMIT $5`,
        values: [batch, count],
      });
    });
  }

  /** Offers documents again to devices that refused them because of the moment, if there are any. */
  async offerAgain(ref: LaunchRef, row: LaunchRow, now: string): Promise<boolean> {
    const taken = await this.parts.database.transaction(async (tx) => {
      return this.handOver(tx, ref, 'offer', {
        which: `retry_at IS NOT NULL AND retry_at <= $4 AND status = 'retry_wait' ORDER BY retry_at LIMIT ${MOST}`,
        values: [now],
      });
    });
    if (taken === undefined) return false;
    await this.do(ref, row, taken);
    return true;
  }

  /** What was handed over and not answered: by a process that died, or to a service that was away. */
  async finish(ref: LaunchRef, row: LaunchRow): Promise<void> {
    const { rows } = await this.parts.database.query<{
      operation: string;
      kind: 'write' | 'offer';
      device_ids: string[];
    }>('SELECT operation, kind, device_ids FROM campaign_writes WHERE tenant_id = $1 AND launch_id = $2', [
      ref.tenantId,
      ref.launchId,
    ]);
    for (const { operation, kind, device_ids: deviceIds } of rows) {
      const waiting = await readTargets(
        this.parts.database,
        ref.tenantId,
        `launch_id = $2 AND operation = $3 AND device_id = ANY($4)`,
        [ref.launchId, operation, deviceIds],
      );
      await this.do(ref, row, { operation, kind, deviceIds, rows: waiting, resumed: true });
    }
  }

  private async portion(
    tx: pg.PoolClient,
    { tenantId, launchId }: LaunchRef,
    { wanted, ratePerMinute }: { readonly wanted: number; readonly ratePerMinute: number },
  ): Promise<number> {
    const now = new Date().toISOString();
    await tx.query(
      `INSERT INTO tenant_paces (tenant_id, bucket) VALUES ($1, 'null') ON CONFLICT (tenant_id) DO NOTHING`,
      [tenantId],
    );
    // The launch before its tenant, as everybody who locks both.
    const own = await tx.query<{ bucket: Bucket | null }>(
      'SELECT bucket FROM campaign_launches WHERE tenant_id = $1 AND launch_id = $2 FOR UPDATE',
      [tenantId, launchId],
    );
    const all = await tx.query<{ bucket: Bucket | null }>(
      'SELECT bucket FROM tenant_paces WHERE tenant_id = $1 FOR UPDATE',
      [tenantId],
    );
    const ofTenant = takePortion(all.rows[0]?.bucket ?? null, {
      ratePerMinute: this.parts.tenantRatePerMinute,
      ...{ wanted, now },
    });
    const mine = takePortion(own.rows[0]?.bucket ?? null, {
      ratePerMinute,
      wanted: Math.max(1, ofTenant.count),
      now,
    });
    const count = Math.min(mine.count, ofTenant.count);
    const pacedUntil = count > 0 ? null : laterOf(mine.nextAt, ofTenant.nextAt);
    const bucketOf = ({ bucket, count: given }: typeof mine): Bucket => ({
      ...bucket,
      tokens: bucket.tokens + given - count,
    });
    await tx.query(
      'UPDATE campaign_launches SET bucket = $3, paced_until = $4 WHERE tenant_id = $1 AND launch_id = $2',
      [tenantId, launchId, JSON.stringify({ ...bucketOf(mine), ratePerMinute }), pacedUntil],
    );
    await tx.query('UPDATE tenant_paces SET bucket = $2 WHERE tenant_id = $1', [
      tenantId,
      JSON.stringify(bucketOf(ofTenant)),
    ]);
    return count;
  }

  private async handOver(
    tx: pg.PoolClient,
    { tenantId, launchId }: LaunchRef,
    kind: Operation['kind'],
    { which, values }: { readonly which: string; readonly values: readonly unknown[] },
  ): Promise<Handed | undefined> {
    const operation = `campaign:${launchId}:${newId()}`;
    const rows = await handOver(tx, { tenantId, launchId, operation }, which, values);
    if (rows.length === 0) return undefined;
    const deviceIds = rows.map(({ deviceId }) => deviceId);
    await tx.query(
      `INSERT INTO campaign_writes (tenant_id, launch_id, operation, kind, device_ids) VALUES ($1, $2, $3, $4, $5)`,
      [tenantId, launchId, operation, kind, deviceIds],
    );
    return { operation, kind, deviceIds, rows, resumed: false };
  }

  /**
   * Hands it over, records the answers, and looks at the devices; only then is it forgotten. The look is the only one that this
   * write causes, and what happened to a device while its answer was awaited is seen by it: killed before it, it is done
   * again. A device whose document is due now needs none, for it is looked at when its interface has sent it: but where it was
   * looked at before its answer was recorded. A service that is away is noted, and asked again later.
   */
  private async do(ref: LaunchRef, row: LaunchRow, handed: Handed): Promise<void> {
    const { database, launches, watch } = this.parts;
    const { tenantId, launchId } = ref;
    const { rows, operation } = handed;
    /** All of them where nobody knows what happened before. */
    let lookAt = handed.deviceIds;
    try {
      if (rows.length > 0) {
        const { changes, due } =
          handed.kind === 'write'
            ? await this.ask(ref, row, rows, handed)
            : { changes: await this.offer(ref, rows, handed), due: NOBODY };
        await database.transaction(async (tx) => {
          const touched = await this.record(tx, ref, handed, changes);
          if (!handed.resumed) lookAt = handed.deviceIds.filter((id) => !due.has(id) || touched.has(id));
          const isAway = handed.kind === 'write' && changes.some(({ next }) => next.status === 'planned');
          if (isAway || row.away !== null)
            await launches.note(tx, tenantId, launchId, {
              away: isAway ? awayFor('Some devices were busy.') : null,
            });
          if (lookAt.length === 0) await forget(tx, ref, operation);
        });
      }
      if (lookAt.length === 0) return;
      await watch.look(tenantId, lookAt);
      await forget(database, ref, operation);
    } catch (error) {
      const fault = asAppError(error);
      if (!isPassing(fault) || !(fault instanceof AppError)) throw error;
      await launches.note(database, tenantId, launchId, { away: awayFor(fault.detail) });
    }
  }

  /**
   * What another campaign has taken meanwhile is another row: of that, too, it is recorded what was there before. Returns the
   * devices whose rows had changed.
   */
  private async record(
    tx: pg.PoolClient,
    { tenantId, launchId }: LaunchRef,
    { operation, deviceIds }: Operation,
    changes: readonly TargetChange[],
  ): Promise<ReadonlyMap<string, TargetChange>> {
    const applied = new Set(await this.parts.changes.apply(tx, tenantId, changes));
    const missed = new Map(
      changes.flatMap((change) => (applied.has(change) ? [] : [[change.row.deviceId, change]])),
    );
    if (missed.size === 0) return missed;
    const rows = await readTargets(
      tx,
      tenantId,
      `launch_id = $2 AND operation = $3 AND device_id = ANY($4) FOR UPDATE`,
      [launchId, operation, deviceIds.filter((id) => missed.has(id))],
    );
    await this.parts.changes.apply(
      tx,
      tenantId,
      rows.flatMap((row) => {
        const change = missed.get(row.deviceId);
        return change === undefined
          ? []
          : [isFinal(row.status) ? kept(row, change.written) : { ...change, row }];
      }),
    );
    return missed;
  }

  private async ask(
    ref: LaunchRef,
    row: LaunchRow,
    rows: readonly TargetRow[],
    { operation, deviceIds }: Operation,
  ): Promise<Answered> {
    const { tenantId, campaignId } = ref;
    const { wants } = row;
    const at = new Date().toISOString();
    const { revertOf } = wants;
    // Nothing is to be written where a campaign only expects: it watches from now on.
    if (revertOf === null && Object.keys(wants.values).length === 0)
      return {
        changes: rows.map((target) =>
          isFinal(target.status)
            ? kept(target)
            : { row: target, next: watched(target, wants.deadlineSeconds, at), written: written(at) },
        ),
        due: NOBODY,
      };
    const byDevice = new Map(rows.map((target) => [target.deviceId, target]));
    const actor: Actor = { kind: 'campaign', id: campaignId };
    const { outcomes } = await this.parts.bus.request(
      changeDesiredMany,
      {
        ...{ tenantId, actor, operationId: operation, mode: 'set' as const, tellPrevious: true },
        deviceIds: [...deviceIds],
        desired: revertOf === null ? { ...wants.values } : {},
        ...(revertOf !== null
          ? {
              desiredOf: deviceIds.map((id) => ({ ...byDevice.get(id)?.ownValues })),
              onlyWhereBy: { kind: 'campaign' as const, id: revertOf },
            }
          : row.asOf === null
            ? {}
            : { unlessChangedSince: row.asOf, ...overruling(wants.overruled) }),
      },
      { timeoutMs: TIMEOUT_MS },
    );
    const unchanged = outcomes.filter(({ code, changed }) => code === undefined && changed === false);
    // It has these values already, and may have refused them: then they are offered again on purpose.
    if (unchanged.length > 0) {
      await this.parts.bus.request(
        reofferMany,
        {
          ...{ tenantId, actor, operationId: `${operation}:offer` },
          deviceIds: unchanged.map(({ deviceId }) => deviceId),
        },
        { timeoutMs: TIMEOUT_MS },
      );
    }
    const isTold = ({ deviceId, due, changed }: DesiredOutcome): boolean =>
      due === true && changed === true && byDevice.get(deviceId)?.interface !== 'http';
    return {
      changes: outcomes.flatMap((outcome) => {
        const target = byDevice.get(outcome.deviceId);
        return target === undefined ? [] : [changeBy(target, outcome, at)];
      }),
      due: new Set(outcomes.filter(isTold).map(({ deviceId }) => deviceId)),
    };
  }

  private async offer(
    { tenantId, campaignId }: LaunchRef,
    rows: readonly TargetRow[],
    { operation, deviceIds }: Operation,
  ): Promise<readonly TargetChange[]> {
    const at = new Date().toISOString();
    const { outcomes } = await this.parts.bus.request(
      reofferMany,
      {
        ...{ tenantId, operationId: operation },
        actor: { kind: 'campaign', id: campaignId },
        deviceIds: [...deviceIds],
      },
      { timeoutMs: TIMEOUT_MS },
    );
    const codes = new Map(deviceIds.map((id, nth) => [id, outcomes[nth]?.code]));
    return rows.map((row) => {
      if (isFinal(row.status)) return kept(row);
      const isThere = codes.get(row.deviceId) === undefined;
      const reason: TargetReason = { code: 'device-removed', origin: 'user' };
      return { row, next: isThere ? offered(row, row.attempts + 1) : ended(row, 'removed', at, reason) };
    });
  }
}

const NOBODY: ReadonlySet<string> = new Set();

const forget = (from: Queryable, { tenantId, launchId }: LaunchRef, operation: string): Promise<unknown> =>
  from.query({
    name: 'forget-campaign-write',
    text: 'DELETE FROM campaign_writes WHERE tenant_id = $1 AND launch_id = $2 AND operation = $3',
    values: [tenantId, launchId, operation],
  });

const awayFor = (why: string): NonNullable<LaunchRow['away']> => ({
  detail: `Desired values cannot be written at the moment: ${why}`,
  until: new Date(Date.now() + AWAY_MS).toISOString(),
});

/** Absent where nobody gives way: an id that was handed over by an older version must find the same request. */
const overruling = (campaignIds: readonly string[] = []): { overruled?: Actor[] } =>
  campaignIds.length === 0 ? {} : { overruled: campaignIds.map((id) => ({ kind: 'campaign', id })) };

/** Of a target that another campaign has taken while its answer was awaited: it stands as it does. */
const kept = (row: TargetRow, before?: TargetChange['written']): TargetChange => ({
  row,
  next: row,
  ...(before === undefined ? {} : { written: before }),
});

const written = (at: string, outcome?: DesiredOutcome): NonNullable<TargetChange['written']> => ({
  at,
  configId: outcome?.configId ?? null,
  previous: outcome?.previous ?? null,
});

const watched = (target: TargetRow, deadlineSeconds: number, at: string): TargetState => ({
  ...offered(target, 1),
  status: 'dispatched',
  dispatchedAt: at,
  synced: true,
  deadlineAt: new Date(Date.parse(at) + deadlineSeconds * 1_000).toISOString(),
});

/** What became of one device that was handed over. */
const changeBy = (row: TargetRow, outcome: DesiredOutcome, at: string): TargetChange => {
  const { code, detail } = outcome;
  if (isFinal(row.status)) return kept(row, code === undefined ? written(at, outcome) : undefined);
  if (code === undefined) return { row, next: offered(row, 1), written: written(at, outcome) };
  // Its turn comes again.
  if (isPassing({ code })) return { row, next: row };
  const reason: TargetReason = { code, origin: 'configuration', ...(detail === undefined ? {} : { detail }) };
  if (code === 'device-not-found')
    return { row, next: ended(row, 'removed', at, { ...reason, code: 'device-removed', origin: 'user' }) };
  if (code === 'desired-changed')
    return { row, next: ended(row, 'superseded', at, { ...reason, origin: 'user' }) };
  return { row, next: ended(row, 'failed', at, reason) };
};

const laterOf = (a: string | null, b: string | null): string | null =>
  a === null || b === null ? (a ?? b) : a > b ? a : b;
