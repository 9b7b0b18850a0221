import type { JsonValue } from '@muster/contracts';
import { MAX_OVERRULED } from '@muster/contracts/configuration/campaign.requests';
import type { Database, Queryable } from '@muster/event-store';
import type { Bucket } from '../batch/pace.js';
import type { Wanted } from './target.js';

/** What is frozen of a launch, for whoever judges its devices. */
export interface LaunchWants extends Omit<Wanted, 'asOf' | 'overruled'> {
  /** The campaign whose values it takes back. */
  readonly revertOf: string | null;
  /** Absent in what older versions stored. */
  readonly overruled?: readonly string[];
}

export interface LaunchRow {
  readonly wants: LaunchWants;
  readonly asOf: string | null;
  readonly cursor: SnapshotCursor | null;
  /** Until all its devices are settled: to find conflicts. */
  readonly open: boolean;
  readonly away: { readonly detail: string; readonly until: string } | null;
  readonly bucket: Bucket | null;
  /** At the rate that was in force then. */
  readonly pacedUntil: string | null;
  readonly pacedAtRate: number | null;
  /** Batch → what was last said of its job. */
  readonly told: Readonly<Record<string, readonly [done: number, failed: number]>>;
}

/** `after`: of the devices, the last one that was found; null: none yet. `batch`: whose list or filter is gone through. */
export interface SnapshotCursor {
  readonly part: 'devices' | 'batch' | 'done';
  readonly batch: number;
  readonly after: string | null;
}

const REMEMBERED = 200;

/** Rows of launches. */
export class Launches {
  /** Never changes once its devices are known. */
  private readonly known = new Map<string, Wanted & { readonly revertOf: string | null }>();

  constructor(private readonly database: Database) {}

  async begin(
    tx: Queryable,
    tenantId: string,
    launchId: string,
    { wants, keys }: { readonly wants: LaunchWants; readonly keys: readonly string[] },
  ): Promise<void> {
    const cursor: SnapshotCursor = { part: 'devices', batch: 0, after: null };
    // Only those whose devices are known: so of two campaigns at most one may write over the other.
    const { rows } = await tx.query<{ campaign_id: string }>({
      text: `SELECT DISTINCT campaign_id FROM campaign_launches
             WHERE tenant_id = $1 AND open AND launch_id <> $2 AND keys && $3 AND cursor->>'part' = 'done' LIMIT ${MAX_OVERRULED}`,
      values: [tenantId, launchId, keys],
    });
    const overruled = rows.map(({ campaign_id: id }) => id);
    await tx.query({
      text: `INSERT INTO campaign_launches (tenant_id, launch_id, campaign_id, wanted, keys, cursor)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
      values: [
        ...[tenantId, launchId, wants.campaignId, JSON.stringify({ ...wants, overruled }), keys],
        JSON.stringify(cursor),
      ],
    });
  }

  async read(tenantId: string, launchId: string): Promise<LaunchRow | undefined> {
    const { rows } = await this.database.query<{
      wanted: LaunchWants;
      as_of: Date | null;
      cursor: SnapshotCursor | null;
      open: boolean;
      away: LaunchRow['away'];
      bucket: (Bucket & { readonly ratePerMinute?: number }) | null;
      paced_until: Date | null;
      told: LaunchRow['told'];
    }>({
      name: 'campaign-launch',
      text: `SELECT wanted, as_of, cursor, open, away, bucket, paced_until, told FROM campaign_launches
             WHERE tenant_id = $1 AND launch_id = $2`,
      values: [tenantId, launchId],
    });
    const [row] = rows;
    return (
      row && {
        wants: row.wanted,
        asOf: row.as_of?.toISOString() ?? null,
        cursor: row.cursor,
        open: row.open,
        away: row.away,
        bucket: row.bucket,
        pacedUntil: row.paced_until?.toISOString() ?? null,
        pacedAtRate: row.bucket?.ratePerMinute ?? null,
        told: row.told,
      }
    );
  }

  /** Of launches whose devices are known. */
  async wantsOf(
    tenantId: string,
    launchIds: readonly string[],
  ): Promise<ReadonlyMap<string, Wanted & { readonly revertOf: string | null }>> {
    const missing = launchIds.filter((launchId) => !this.known.has(launchId));
    if (missing.length > 0) {
      const { rows } = await this.database.query<{
        launch_id: string;
        wanted: LaunchWants;
        as_of: Date | null;
      }>({
        text: `SELECT launch_id, wanted, as_of FROM campaign_launches
               WHERE tenant_id = $1 AND launch_id = ANY($2) AND cursor->>'part' = 'done'`,
        values: [tenantId, missing],
      });
      for (const { launch_id: launchId, wanted, as_of: asOf } of rows)
        this.known.set(launchId, { overruled: [], ...wanted, asOf: asOf?.toISOString() ?? '' });
    }
    const found = new Map(
      launchIds.flatMap((launchId) => {
        const wants = this.known.get(launchId);
        return wants === undefined ? [] : [[launchId, wants] as const];
      }),
    );
    for (const oldest of this.known.keys()) {
      if (this.known.size <= REMEMBERED) break;
      this.known.delete(oldest);
    }
    return found;
  }

  /** More of the campaigns that give way to this launch, before its devices are known. */
  async overrule(
    tx: Queryable,
    tenantId: string,
    launchId: string,
    campaignIds: readonly string[],
  ): Promise<void> {
    await tx.query({
      text: `UPDATE campaign_launches SET wanted = jsonb_set(wanted, '{overruled}', (
               SELECT coalesce(jsonb_agg(id), '[]') FROM (
                 SELECT unnest($3::text[]) AS id
                 UNION SELECT jsonb_array_elements_text(coalesce(wanted->'overruled', '[]')) LIMIT ${MAX_OVERRULED}) ids))
             WHERE tenant_id = $1 AND launch_id = $2`,
      values: [tenantId, launchId, campaignIds],
    });
  }

  /** Fields of a row that are set at once. */
  async note(
    tx: Queryable,
    tenantId: string,
    launchId: string,
    what: Partial<Pick<LaunchRow, 'open' | 'away' | 'pacedUntil' | 'told'>>,
  ): Promise<void> {
    const fields = Object.entries({
      away: 'away' in what ? json(what.away) : undefined,
      paced_until: 'pacedUntil' in what ? (what.pacedUntil ?? null) : undefined,
      told: what.told === undefined ? undefined : json(what.told),
      open: what.open,
    }).filter(([, value]) => value !== undefined);
    if (fields.length === 0) return;
    await tx.query({
      text: `UPDATE campaign_launches SET ${fields.map(([name], nth) => `${name} = $${nth + 3}`).join(', ')}
             WHERE tenant_id = $1 AND launch_id = $2`,
      values: [tenantId, launchId, ...fields.map(([, value]) => value)],
    });
  }
}

const json = (value: unknown): string | null => (value == null ? null : JSON.stringify(value));

export type Values = Readonly<Record<string, JsonValue>>;
