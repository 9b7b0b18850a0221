import type { JsonValue } from '@muster/contracts';
import type { TargetStatus } from '@muster/contracts/campaign-orchestrator/campaign';
import type { DeviceInterface } from '@muster/contracts/device-registry/devices.requests';
import type { Queryable } from '@muster/event-store';
import type { Steps } from '@muster/jobs';
import type pg from 'pg';
import { countedOf, type Counted, type Counts } from '../batch/counts.js';
import { CAMPAIGN_STEP } from '../campaign/campaign-steps.js';
import { isFinal, type Target, type TargetReason, type TargetState } from './target.js';

/** A device in a launch of a campaign. */
export interface TargetRow extends Target {
  readonly campaignId: string;
  readonly launchId: string;
  readonly deviceId: string;
  readonly batch: number;
  readonly revision: number;
  /** Where the row lay when it was read. */
  readonly tuple: string;
  /** In place of the campaign's: what a revert gives this device. */
  readonly ownValues: Readonly<Record<string, JsonValue>> | null;
}

export interface TargetChange {
  readonly row: TargetRow;
  readonly next: TargetState;
  /** Of a write that was answered. */
  readonly written?: {
    readonly at: string;
    readonly configId: string | null;
    readonly previous: Readonly<Record<string, JsonValue>> | null;
  };
  /** Absent: none any more. */
  readonly operation?: string;
  /** By which the device comes from now on; absent: as before. */
  readonly interface?: DeviceInterface;
}

/** Told of what has changed of targets, inside the transaction of the change. */
export type TargetListener = (
  tx: pg.PoolClient,
  tenantId: string,
  changes: readonly TargetChange[],
) => Promise<void>;

/** Which targets a device may still change; as of the index `campaign_targets_open`. */
export const FOLLOWED = `(status IN ('planned', 'written', 'dispatched', 'acknowledged', 'retry_wait', 'timed_out')
  OR (status = 'cancelled' AND NOT late AND attempts > 0))`;
export const OPEN = `status IN ('planned', 'written', 'dispatched', 'acknowledged', 'retry_wait')`;

const COLUMNS = `ctid AS tuple, campaign_id, launch_id, device_id, batch, revision, status, interface, attempts, operation, config_id,
  dispatched_at, acknowledged_at, finished_at, deadline_at, retry_at, synced, late, own_values, reason`;

interface Row {
  tuple: string;
  campaign_id: string;
  launch_id: string;
  device_id: string;
  batch: number;
  revision: number;
  status: TargetStatus;
  interface: DeviceInterface;
  attempts: number;
  operation: string | null;
  config_id: string | null;
  dispatched_at: Date | null;
  acknowledged_at: Date | null;
  finished_at: Date | null;
  deadline_at: Date | null;
  retry_at: Date | null;
  synced: boolean;
  late: boolean;
  own_values: Record<string, JsonValue> | null;
  reason: TargetReason | null;
}

/** Rows that `where` says, a part of SQL of ours; `$1` is the tenant. */
export const readTargets = async (
  from: Queryable,
  tenantId: string,
  where: string,
  values: readonly unknown[],
): Promise<TargetRow[]> => {
  const { rows } = await from.query<Row>({
    text: `SELECT ${COLUMNS} FROM campaign_targets WHERE tenant_id = $1 AND ${where}`,
    values: [tenantId, ...values],
  });
  return rows.map(rowOf);
};

/**
 * Marks targets of a launch as handed over under `operation`, and returns them; `which`, a part of SQL of ours, says which of
 * those that nobody has handed over, in which order and how many at most. Whoever has changed one meanwhile keeps it.
 */
export const handOver = async (
  tx: pg.PoolClient,
  {
    tenantId,
    launchId,
    operation,
  }: { readonly tenantId: string; readonly launchId: string; readonly operation: string },
  which: string,
  values: readonly unknown[],
): Promise<TargetRow[]> => {
  const { rows } = await tx.query<Row>({
    // Locked in the order in which everybody locks targets, and not in that of their turn.
    text: `WITH chosen AS MATERIALIZED (
             SELECT ctid AS tuple, device_id FROM campaign_targets
             WHERE tenant_id = $1 AND launch_id = $2 AND operation IS NULL AND ${which}
           ), locked AS MATERIALIZED (
             SELECT c.tuple FROM (SELECT * FROM chosen ORDER BY device_id) c CROSS JOIN LATERAL (
               SELECT FROM campaign_targets t WHERE t.ctid = c.tuple FOR UPDATE) t
           )
           UPDATE campaign_targets SET revision = revision + 1, operation = $3, updated_at = now()
           FROM locked l WHERE ctid = l.tuple RETURNING ${COLUMNS}`,
    values: [tenantId, launchId, operation, ...values],
  });
  return rows.map(rowOf);
};

const rowOf = (row: Row): TargetRow => ({
  campaignId: row.campaign_id,
  launchId: row.launch_id,
  deviceId: row.device_id,
  batch: row.batch,
  revision: row.revision,
  tuple: row.tuple,
  status: row.status,
  interface: row.interface,
  attempts: row.attempts,
  operation: row.operation,
  configId: row.config_id,
  dispatchedAt: isoOf(row.dispatched_at),
  acknowledgedAt: isoOf(row.acknowledged_at),
  finishedAt: isoOf(row.finished_at),
  deadlineAt: isoOf(row.deadline_at),
  retryAt: isoOf(row.retry_at),
  synced: row.synced,
  late: row.late,
  ownValues: row.own_values,
  reason: row.reason,
});

const isoOf = (time: Date | null): string | null => time && time.toISOString();

/** How soon a campaign looks at its numbers after they have changed: at most four times a second. */
const SOON_MS = 250;

export class TargetChanges {
  constructor(
    private readonly steps: Steps,
    private readonly listeners: readonly TargetListener[] = [],
  ) {}

  /**
   * Changes rows that are still as they were read, with all numbers that are made of them, and wakes their campaigns. Returns
   * what was changed: whoever was too late looks again. Rows are locked in one order, and counters after them.
   */
  async apply(
    tx: pg.PoolClient,
    tenantId: string,
    changes: readonly TargetChange[],
  ): Promise<readonly TargetChange[]> {
    if (changes.length === 0) return [];
    const byKey = new Map(changes.map((change) => [keyOf(change.row.launchId, change.row.deviceId), change]));
    const { rows } = await tx.query<{ launch_id: string; device_id: string }>(APPLY, [
      tenantId,
      JSON.stringify(changes.map(recordOf)),
    ]);
    const applied = rows.flatMap((row) => byKey.get(keyOf(row.launch_id, row.device_id)) ?? []);
    await count(tx, tenantId, applied);
    const at = new Date(Date.now() + SOON_MS).toISOString();
    const moved = applied.filter(({ row, next }) => row.status !== next.status || row.synced !== next.synced);
    for (const campaignId of [...new Set(moved.map(({ row }) => row.campaignId))].sort())
      await this.steps.set(tx, { tenantId, name: CAMPAIGN_STEP, key: campaignId, at });
    for (const listener of this.listeners) await listener(tx, tenantId, applied);
    return applied;
  }
}

const keyOf = (launchId: string, deviceId: string): string => `${launchId} ${deviceId}`;

/** What is null is left out: most of it is, of most targets. */
const recordOf = ({ row, next, written, operation, interface: by }: TargetChange) => ({
  tuple: row.tuple,
  launch_id: row.launchId,
  device_id: row.deviceId,
  revision: row.revision,
  status: next.status,
  attempts: next.attempts,
  operation,
  interface: by,
  dispatched_at: next.dispatchedAt ?? undefined,
  acknowledged_at: next.acknowledgedAt ?? undefined,
  finished_at: next.finishedAt ?? undefined,
  deadline_at: next.deadlineAt ?? undefined,
  retry_at: next.retryAt ?? undefined,
  synced: next.synced,
  late: next.late,
  reason: next.reason ?? undefined,
  written_at: written?.at,
  config_id: written?.configId ?? undefined,
  previous: written?.previous ?? undefined,
});

/**
 * Rows are found where they were read: whatever has changed meanwhile lies elsewhere. Not by a join of their keys, for which
 * PostgreSQL, that does not know how many there are, reads the whole of a new launch for each 500 devices.
 */
const APPLY = `
  WITH locked AS MATERIALIZED (
    SELECT u.* FROM (
      SELECT * FROM jsonb_to_recordset($2::jsonb) AS u (
        tuple tid, launch_id text, device_id text, revision integer, status text, attempts integer, operation text, interface text,
        dispatched_at timestamptz, acknowledged_at timestamptz, finished_at timestamptz, deadline_at timestamptz,
        retry_at timestamptz, synced boolean, late boolean, reason jsonb, written_at timestamptz, config_id text,
        previous jsonb)
      ORDER BY launch_id COLLATE "C", device_id COLLATE "C") u
    CROSS JOIN LATERAL (
      SELECT FROM campaign_targets t
      WHERE t.ctid = u.tuple AND t.tenant_id = $1 AND t.launch_id = u.launch_id AND t.device_id = u.device_id
        AND t.revision = u.revision
      FOR UPDATE) t
  )
  UPDATE campaign_targets t SET
    revision = t.revision + 1, status = u.status, attempts = u.attempts, operation = u.operation,
    interface = coalesce(u.interface, t.interface),
    dispatched_at = u.dispatched_at, acknowledged_at = u.acknowledged_at, finished_at = u.finished_at,
    deadline_at = u.deadline_at, retry_at = u.retry_at, synced = u.synced, late = u.late, reason = u.reason,
    written_at = coalesce(u.written_at, t.written_at), config_id = coalesce(u.config_id, t.config_id),
    previous = coalesce(t.previous, u.previous), updated_at = now()
  FROM locked u WHERE t.ctid = u.tuple
  RETURNING t.launch_id, t.device_id`;

/** Sums of changes of numbers: what is 0 in the end is not written. */
class Sums {
  private readonly sums = new Map<string, number>();

  add(key: readonly (string | number)[], n: number): void {
    const text = JSON.stringify(key);
    this.sums.set(text, (this.sums.get(text) ?? 0) + n);
  }

  /** In one order, so that two transactions do not wait for each other. */
  columns(width: number): (string | number)[][] {
    const rows = [...this.sums]
      .filter(([, n]) => n !== 0)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([text, n]) => [...(JSON.parse(text) as (string | number)[]), n]);
    return Array.from({ length: width + 1 }, (_none, column) => rows.map((row) => row[column] ?? 0));
  }
}

const count = async (
  tx: pg.PoolClient,
  tenantId: string,
  applied: readonly TargetChange[],
): Promise<void> => {
  const counters = new Sums();
  const failures = new Sums();
  const durations = new Sums();
  for (const { row, next, interface: by = row.interface } of applied) {
    const { launchId, batch } = row;
    for (const counted of countedOf(row)) counters.add([launchId, batch, counted], -1);
    for (const counted of countedOf({ ...next, interface: by })) counters.add([launchId, batch, counted], 1);
    for (const [state, n] of [
      [row, -1],
      [next, 1],
    ] as const) {
      if (state.reason !== null && isFinal(state.status))
        failures.add([launchId, state.status, state.reason.origin, state.reason.code], n);
    }
    if (next.status === 'succeeded' && row.status !== 'succeeded' && next.dispatchedAt !== null)
      durations.add([launchId, bucketOf(next.dispatchedAt, next.finishedAt)], 1);
  }
  await addTo(tx, tenantId, counters.columns(3), {
    table: 'campaign_counters',
    columns: ['launch_id text', 'batch integer', 'counted text'],
  });
  await addTo(tx, tenantId, failures.columns(4), {
    table: 'campaign_failures',
    columns: ['launch_id text', 'status text', 'origin text', 'code text'],
  });
  await addTo(tx, tenantId, durations.columns(2), {
    table: 'campaign_durations',
    columns: ['launch_id text', 'bucket integer'],
  });
};

const bucketOf = (from: string, to: string | null): number => {
  const ms = Math.max(1, (to === null ? Date.now() : Date.parse(to)) - Date.parse(from));
  return Math.ceil(20 * Math.log10(ms));
};

const addTo = async (
  tx: pg.PoolClient,
  tenantId: string,
  values: readonly (readonly (string | number)[])[],
  { table, columns }: { readonly table: string; readonly columns: readonly string[] },
): Promise<void> => {
  if (values[0]?.length === 0) return;
  const names = columns.map((column) => column.split(' ')[0]).join(', ');
  const types = columns.map((column, nth) => `$${nth + 2}::${column.split(' ')[1] ?? 'text'}[]`).join(', ');
  await tx.query(
    `INSERT INTO ${table} AS c (tenant_id, ${names}, n)
     SELECT $1, * FROM unnest(${types}, $${columns.length + 2}::integer[])
     ON CONFLICT (tenant_id, ${names}) DO UPDATE SET n = c.n + excluded.n`,
    [tenantId, ...values],
  );
};

/** By batch, from 1 on. */
export const readCounts = async (
  from: Queryable,
  tenantId: string,
  launchId: string,
  batches: number,
): Promise<Counts[]> => {
  const { rows } = await from.query<{ batch: number; counted: Counted; n: number }>({
    name: 'campaign-counts',
    text: 'SELECT batch, counted, n FROM campaign_counters WHERE tenant_id = $1 AND launch_id = $2',
    values: [tenantId, launchId],
  });
  const all: Partial<Record<Counted, number>>[] = Array.from({ length: batches }, () => ({}));
  for (const { batch, counted, n } of rows) {
    const counts = all[batch - 1];
    if (counts !== undefined) counts[counted] = n;
  }
  return all;
};
