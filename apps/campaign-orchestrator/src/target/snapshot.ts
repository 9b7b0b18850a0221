import { AppError, newId } from '@muster/contracts';
import { statusCounts, sumOf } from '../batch/counts.js';
import { compareConfigurations } from '@muster/contracts/configuration/campaign.requests';
import { MAX_SELECTED_DEVICES, selectDevices } from '@muster/contracts/device-registry/selection.requests';
import { allowStatements, type Database, type EventStore } from '@muster/event-store';
import type { Jobs } from '@muster/jobs';
import type { Bus } from '@muster/messaging';
import type pg from 'pg';
import { planBatches, type BatchAsk } from '../batch/plan-batches.js';
import { campaign } from '../campaign/campaign.decider.js';
import type { Campaign, Launch } from '../campaign/campaign-state.js';
import type { BatchShare, CampaignDefinition } from '../campaign/campaign.events.js';
import { ENGINE } from '../campaign/engine.decider.js';
import { assertJudged, assertMeant, comparisonOf, isCompatible } from './compatible.js';
import { CONTESTED, settleConflicts, supersedeOthers } from './conflicts.js';
import type { Launches, LaunchRow, SnapshotCursor } from './launches.js';
import { FILTER_TIMEOUT_MS, type CampaignDevices } from './target-devices.js';
import { readCounts, type TargetChanges } from './target-rows.js';

export interface Resolved {
  readonly tenantId: string;
  readonly campaignId: string;
  readonly launchId: string;
  readonly supervisionId: string;
  readonly definition: CampaignDefinition;
  readonly at: string;
}

/** Told inside the transaction in which the devices of a launch become known. */
export type ResolvedListener = (tx: pg.PoolClient, resolved: Resolved) => Promise<void>;

interface Parts {
  readonly database: Database;
  readonly store: EventStore;
  readonly bus: Pick<Bus, 'request'>;
  readonly jobs: Jobs;
  readonly launches: Launches;
  readonly changes: TargetChanges;
  readonly devices: CampaignDevices;
  readonly listeners: readonly ResolvedListener[];
}

interface Of {
  readonly tenantId: string;
  readonly campaignId: string;
  readonly definition: CampaignDefinition;
  readonly launch: Launch;
}

const COMPARE_TIMEOUT_MS = 10_000;
/** 100,000 devices took 4 s in the longest statement, on a machine three times overloaded. */
const RESOLVE_MS = 300_000;

/**
 * Finds out which devices a launch means, page by page, and then in one transaction how they are split into batches. What is
 * refused here undoes the launch: nothing has been written to any device.
 */
export class Snapshot {
  constructor(private readonly parts: Parts) {}

  /** One portion. The campaign's state says when it is done. Throws what passes. */
  async go(tenantId: string, campaignId: string, { launch, definition }: Campaign): Promise<void> {
    if (launch === null || definition === null) return;
    const of: Of = { tenantId, campaignId, definition, launch };
    const row = await this.parts.launches.read(tenantId, launch.launchId);
    if (row === undefined) return this.begin(of);
    if (row.cursor?.part === 'devices') return this.devicePage(of, row, row.cursor);
    if (row.cursor?.part === 'batch') return this.batchPage(of, row.cursor);
  }

  /** What is left of a launch that came to nothing. */
  async forget(tx: pg.PoolClient, tenantId: string, launchId: string): Promise<void> {
    for (const table of ['campaign_candidates', 'campaign_launches'])
      await tx.query(`DELETE FROM ${table} WHERE tenant_id = $1 AND launch_id = $2`, [tenantId, launchId]);
  }

  private async begin({ tenantId, campaignId, definition, launch }: Of): Promise<void> {
    const { database, store, devices, launches } = this.parts;
    const { configurations, expectedStates, expectedFrom, deadlineSeconds, retries, revertOf } = definition;
    const reverted =
      revertOf === null ? null : (await store.load(campaign, tenantId, revertOf)).state.definition;
    const keys = Object.keys(reverted?.configurations ?? configurations);
    // What was acknowledged before the launch is found.
    await devices.catchUp(tenantId, [definition.target, ...definition.batches.map(({ share }) => share)]);
    await database.transaction((tx) =>
      launches.begin(tx, tenantId, launch.launchId, {
        wants: {
          ...{ campaignId, values: configurations, expectedStates, expectedFrom },
          ...{ deadlineSeconds, retries, revertOf },
        },
        keys,
      }),
    );
  }

  private async devicePage(of: Of, row: LaunchRow, cursor: SnapshotCursor): Promise<void> {
    const { tenantId, definition, launch } = of;
    const { database, devices } = this.parts;
    const page = await devices.page(tenantId, definition.target, cursor.after);
    const compatible = page.devices.filter((device) => isCompatible(definition, device));
    const { asOf, compliant } = await this.compare(
      of,
      compatible.map(({ id }) => id),
    );
    const skipOf = (device: (typeof page.devices)[number]): string | null => {
      if (!isCompatible(definition, device)) return 'incompatible';
      return compliant.has(device.id) ? 'already_compliant' : null;
    };
    await database.transaction(async (tx) => {
      const next: SnapshotCursor =
        page.next === null
          ? { part: 'batch', batch: 1, after: null }
          : { part: 'devices', batch: 0, after: page.next };
      if (!(await this.move(tx, of, cursor, { next, asOf: row.asOf ?? asOf }))) return;
      const found = [
        ...page.devices.map((device) => ({ ...device, skip: skipOf(device) })),
        ...page.missing.map((id) => ({
          ...{ id, name: '', deviceType: '', appVersion: '', interface: 'mqtt', lastSeenAt: null },
          skip: 'device-not-found',
        })),
      ];
      await tx.query(
        `INSERT INTO campaign_candidates
           (tenant_id, launch_id, device_id, name, device_type, app_version, interface, last_seen_at, skip)
         SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::text[])
         ON CONFLICT DO NOTHING`,
        [
          tenantId,
          launch.launchId,
          found.map(({ id }) => id),
          found.map(({ name }) => name),
          found.map(({ deviceType }) => deviceType),
          found.map(({ appVersion }) => appVersion),
          found.map((device) => device.interface),
          found.map(({ lastSeenAt }) => lastSeenAt),
          found.map(({ skip }) => skip),
        ],
      );
    });
  }

  /**
   * Which of them have all of it already. What others wish after `asOf` is not touched: what was wished between the launch and
   * this look neither, also where the clock of `configuration` is behind.
   */
  private async compare(
    { tenantId, definition, launch }: Of,
    deviceIds: readonly string[],
  ): Promise<{ readonly asOf: string; readonly compliant: ReadonlySet<string> }> {
    if (deviceIds.length === 0 || definition.revertOf !== null)
      return { asOf: launch.at, compliant: new Set() };
    const { asOf, compliant } = await this.parts.bus.request(
      compareConfigurations,
      { tenantId, deviceIds: [...deviceIds], ...comparisonOf(definition) },
      { timeoutMs: COMPARE_TIMEOUT_MS },
    );
    return { asOf: asOf < launch.at ? asOf : launch.at, compliant: new Set(compliant) };
  }

  /** The devices of one batch that names them; after the last batch all is known. */
  private async batchPage(of: Of, cursor: SnapshotCursor): Promise<void> {
    const { tenantId, definition, launch } = of;
    const batch = definition.batches[cursor.batch - 1];
    if (batch === undefined) return this.resolve(of, cursor);
    const page = await this.namedBy(tenantId, batch.share, cursor.after);
    await this.parts.database.transaction(async (tx) => {
      const next: SnapshotCursor =
        page.next === null
          ? { part: 'batch', batch: cursor.batch + 1, after: null }
          : { ...cursor, after: page.next };
      if (!(await this.move(tx, of, cursor, { next }))) return;
      await tx.query(
        `UPDATE campaign_candidates SET batch = $3
         WHERE tenant_id = $1 AND launch_id = $2 AND device_id = ANY($4) AND batch IS NULL`,
        [tenantId, launch.launchId, cursor.batch, page.deviceIds],
      );
    });
  }

  private async namedBy(
    tenantId: string,
    share: BatchShare,
    after: string | null,
  ): Promise<{ readonly deviceIds: readonly string[]; readonly next: string | null }> {
    if ('deviceIds' in share) return { deviceIds: share.deviceIds, next: null };
    if (!('filter' in share)) return { deviceIds: [], next: null };
    return this.parts.bus.request(
      selectDevices,
      {
        tenantId,
        filter: share.filter,
        limit: MAX_SELECTED_DEVICES,
        ...(after === null ? {} : { after }),
      },
      { timeoutMs: FILTER_TIMEOUT_MS },
    );
  }

  /** False: somebody else has done this portion. */
  private async move(
    tx: pg.PoolClient,
    { tenantId, launch }: Of,
    from: SnapshotCursor,
    { next, asOf = null }: { readonly next: SnapshotCursor; readonly asOf?: string | null },
  ): Promise<boolean> {
    const { rowCount } = await tx.query(
      `UPDATE campaign_launches SET cursor = $4, as_of = coalesce(as_of, $5)
       WHERE tenant_id = $1 AND launch_id = $2 AND cursor = $3`,
      [tenantId, launch.launchId, JSON.stringify(from), JSON.stringify(next), asOf],
    );
    return rowCount === 1;
  }

  private async resolve(of: Of, cursor: SnapshotCursor): Promise<void> {
    const { tenantId, campaignId, definition, launch } = of;
    const { launchId } = launch;
    const { database, store, jobs, listeners } = this.parts;
    const at = new Date().toISOString();
    await database.transaction(async (tx) => {
      // All devices in one statement, as many as the filter finds. Broken off at the usual limit it would begin anew for ever.
      await allowStatements(tx, RESOLVE_MS);
      // Of two launches that want the same the second sees the first.
      await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('campaign launch ' || $1, 0))`, [
        tenantId,
      ]);
      if (!(await this.move(tx, of, cursor, { next: { part: 'done', batch: 0, after: null } }))) return;
      await settleConflicts(tx, of);
      const sizes = await this.deal(tx, of);
      await this.insertTargets(tx, of, sizes);
      if (definition.onConflict === 'supersede') await supersedeOthers(tx, this.parts, of);
      const counts = sumOf(await readCounts(tx, tenantId, launchId, sizes.length));
      const instead = `It is worked through by campaign ${campaignId}: cancel or retry that.`;
      const batches = sizes.map((size) => ({ size, jobId: newId() }));
      const jobId = await jobs.start(tx, {
        tenantId,
        kind: 'campaign',
        params: { campaignId },
        actor: launch.by,
        children: batches.map(({ size, jobId: own }, place) => ({
          kind: 'campaign-batch',
          params: { campaignId, batch: place + 1 },
          jobId: own,
          driven: { total: size, instead },
        })),
      });
      const supervisionId = newId();
      for (const listener of listeners)
        await listener(tx, { tenantId, campaignId, launchId, supervisionId, definition, at });
      await store.execute(campaign, {
        tenantId,
        id: campaignId,
        command: {
          type: 'ResolveTargets',
          ...{ launchId, batches, jobId, supervisionId, at },
          total: sizes.reduce((sum, size) => sum + size, 0),
          targets: statusCounts(counts),
        },
        metadata: { actor: ENGINE },
        within: tx,
      });
    });
  }

  /** How many each batch has; those that show the devices seen last first have taken theirs. */
  private async deal(tx: pg.PoolClient, { tenantId, definition, launch }: Of): Promise<readonly number[]> {
    const key = [tenantId, launch.launchId];
    const { rows } = await tx.query<{ batch: number | null; n: number; found: number; compatible: number }>(
      `SELECT batch, count(*)::integer AS n,
              count(*) FILTER (WHERE skip IS DISTINCT FROM 'device-not-found')::integer AS found,
              count(*) FILTER (WHERE skip IS NULL OR skip NOT IN ('incompatible', 'device-not-found'))::integer AS compatible
       FROM campaign_candidates WHERE tenant_id = $1 AND launch_id = $2 GROUP BY batch`,
      key,
    );
    const total = rows.reduce((sum, { n }) => sum + n, 0);
    const { expectedCount } = launch;
    // Who is named and does not exist has been told of, and is nobody that more happens to than was expected.
    const matched = rows.reduce((sum, { found }) => sum + found, 0);
    assertMeant(definition, {
      matched,
      compatible: rows.reduce((sum, row) => sum + row.compatible, 0),
    });
    if (expectedCount !== null && matched > expectedCount)
      throw new AppError(
        'more-devices-than-expected',
        `${matched} devices match; ${expectedCount} were expected.`,
      );
    const asks = definition.batches.map(({ share }, place): BatchAsk => {
      if ('percent' in share || 'count' in share) return share;
      return { named: rows.find(({ batch }) => batch === place + 1)?.n ?? 0 };
    });
    const sizes = planBatches(total, asks);
    assertJudged(definition, sizes);
    for (const [place, { share, recentlySeenFirst }] of definition.batches.entries()) {
      if (!recentlySeenFirst || 'deviceIds' in share || 'filter' in share) continue;
      await tx.query(
        `UPDATE campaign_candidates d SET batch = $3 FROM (
           SELECT c.device_id FROM campaign_candidates c
           WHERE c.tenant_id = $1 AND c.launch_id = $2 AND c.batch IS NULL AND c.skip IS NULL
           ORDER BY c.last_seen_at DESC NULLS LAST, ${HASH} LIMIT $4) first
         WHERE d.tenant_id = $1 AND d.launch_id = $2 AND d.device_id = first.device_id`,
        [...key, place + 1, sizes[place]],
      );
    }
    return sizes;
  }

  private async insertTargets(
    tx: pg.PoolClient,
    { tenantId, campaignId, definition, launch }: Of,
    sizes: readonly number[],
  ): Promise<void> {
    const { launchId } = launch;
    const recent = definition.batches.flatMap(({ recentlySeenFirst }, place) =>
      recentlySeenFirst ? [place + 1] : [],
    );
    // What is left of each batch is dealt in one order: its first rank, and which batch that is.
    const { rows: taken } = await tx.query<{ batch: number; n: number }>(
      `SELECT batch, count(*)::integer AS n FROM campaign_candidates
       WHERE tenant_id = $1 AND launch_id = $2 AND batch IS NOT NULL GROUP BY batch`,
      [tenantId, launchId],
    );
    const left = sizes.map((size, place) => size - (taken.find(({ batch }) => batch === place + 1)?.n ?? 0));
    const firsts = left.map((_size, place) => 1 + left.slice(0, place).reduce((sum, size) => sum + size, 0));
    await tx.query(
      `INSERT INTO campaign_targets (tenant_id, launch_id, device_id, campaign_id, batch, place, status, name, device_type,
                                     app_version, interface, own_values, finished_at, synced, reason)
       SELECT $1, $2, d.device_id, $3, d.batch,
              row_number() OVER (PARTITION BY d.batch
                                 ORDER BY CASE WHEN d.batch = ANY($4) THEN d.last_seen_at END DESC NULLS LAST, d.hash),
              CASE WHEN d.skip IS NULL THEN 'planned' ELSE 'skipped' END, d.name, d.device_type, d.app_version, d.interface,
              d.own_values, CASE WHEN d.skip IS NULL THEN NULL ELSE now() END, d.skip IS NOT NULL,
              CASE WHEN d.skip IS NULL THEN NULL
                   WHEN d.contested_by IS NULL THEN jsonb_build_object('code', d.skip, 'origin', 'campaign')
                   ELSE jsonb_build_object('code', d.skip, 'origin', 'campaign', 'detail', $7::text,
                                           'by', jsonb_build_object('kind', 'campaign', 'id', d.contested_by)) END
       FROM (
         SELECT c.device_id, c.name, c.device_type, c.app_version, c.interface, c.last_seen_at, r.previous AS own_values, c.contested_by,
                coalesce(c.skip, CASE WHEN $6::text IS NOT NULL AND r.previous IS NULL THEN 'nothing-to-revert' END) AS skip,
                ${HASH} AS hash,
                coalesce(c.batch, width_bucket((row_number() OVER (PARTITION BY c.batch ORDER BY ${HASH}))::integer,
                                               $5::integer[])) AS batch
         FROM campaign_candidates c
         LEFT JOIN campaign_targets r ON r.tenant_id = $1 AND r.launch_id = $6 AND r.device_id = c.device_id
         WHERE c.tenant_id = $1 AND c.launch_id = $2) d`,
      [
        ...[tenantId, launchId, campaignId, recent, firsts, await this.revertedLaunch(tenantId, definition)],
        CONTESTED,
      ],
    );
    await tx.query(
      `INSERT INTO campaign_counters (tenant_id, launch_id, batch, counted, n)
       SELECT tenant_id, launch_id, batch, status, count(*) FROM campaign_targets
       WHERE tenant_id = $1 AND launch_id = $2 GROUP BY 1, 2, 3, 4`,
      [tenantId, launchId],
    );
    await tx.query(
      `INSERT INTO campaign_failures (tenant_id, launch_id, status, origin, code, n)
       SELECT tenant_id, launch_id, status, reason->>'origin', reason->>'code', count(*) FROM campaign_targets
       WHERE tenant_id = $1 AND launch_id = $2 AND reason IS NOT NULL GROUP BY 1, 2, 3, 4, 5`,
      [tenantId, launchId],
    );
    await tx.query('DELETE FROM campaign_candidates WHERE tenant_id = $1 AND launch_id = $2', [
      tenantId,
      launchId,
    ]);
  }

  private async revertedLaunch(tenantId: string, { revertOf }: CampaignDefinition): Promise<string | null> {
    if (revertOf === null) return null;
    const { state } = await this.parts.store.load(campaign, tenantId, revertOf);
    return state.launch?.launchId ?? null;
  }
}

/** As good as random, and the same whoever asks. */
const HASH = `hashtextextended(c.device_id, hashtext($2)::bigint)`;
