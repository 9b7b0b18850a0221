import type { TargetStatus } from '@muster/contracts/campaign-orchestrator/campaign';
import type { Database, EventStore } from '@muster/event-store';
import type { Bus } from '@muster/messaging';
import {
  MAX_TARGET_PAGE,
  readTargetDevices,
  type TargetDevice,
} from '@muster/contracts/device-registry/targets.requests';
import { awaitState } from '@muster/contracts/device-registry/state.requests';
import { campaign } from '../campaign/campaign.decider.js';
import type { StoredTarget } from '../campaign/campaign.events.js';
import { assertTargetsKept } from '../retention/retention.js';

export interface DevicePage {
  readonly devices: readonly TargetDevice[];
  /** Named, and not there. */
  readonly missing: readonly string[];
  /** Where the next page begins; null: this was the last. */
  readonly next: string | null;
}

/** A filter may take seconds before it is refused as too slow. */
export const FILTER_TIMEOUT_MS = 10_000;

/** The devices that a campaign's target means now, page by page, ascending by id. */
export class CampaignDevices {
  constructor(
    private readonly parts: {
      readonly database: Database;
      readonly store: EventStore;
      readonly bus: Pick<Bus, 'request'>;
    },
  ) {}

  /** Until what was acknowledged before is found by the filters among these. Ask before the first page. */
  async catchUp(tenantId: string, targets: readonly object[]): Promise<void> {
    for (const target of targets) {
      if (!('filter' in target) || typeof target.filter !== 'string') continue;
      await this.parts.bus.request(
        awaitState,
        { tenantId, filter: target.filter },
        { timeoutMs: FILTER_TIMEOUT_MS },
      );
    }
  }

  async page(tenantId: string, target: StoredTarget, after: string | null): Promise<DevicePage> {
    if ('filter' in target) {
      const { devices, next } = await this.ask(tenantId, {
        target: { filter: target.filter },
        ...(after === null ? {} : { after }),
      });
      return { devices, missing: [], next };
    }
    const named = await this.named(tenantId, target, after);
    const next = named.length < MAX_TARGET_PAGE ? null : (named.at(-1) ?? null);
    if (named.length === 0) return { devices: [], missing: [], next };
    const { devices } = await this.ask(tenantId, { target: { deviceIds: named } });
    const there = new Set(devices.map(({ id }) => id));
    return { devices, missing: named.filter((id) => !there.has(id)), next };
  }

  private ask(
    tenantId: string,
    request: { target: { filter: string } | { deviceIds: string[] }; after?: string },
  ): Promise<{ devices: TargetDevice[]; next: string | null }> {
    return this.parts.bus.request(
      readTargetDevices,
      { tenantId, ...request },
      { timeoutMs: FILTER_TIMEOUT_MS },
    );
  }

  private async named(
    tenantId: string,
    target: Exclude<StoredTarget, { filter: string }>,
    after: string | null,
  ): Promise<string[]> {
    if ('deviceIds' in target) {
      const behind = target.deviceIds.filter((id) => after === null || id > after);
      return behind.sort((a, b) => (a < b ? -1 : 1)).slice(0, MAX_TARGET_PAGE);
    }
    const { database, store } = this.parts;
    const { state } = await store.load(campaign, tenantId, target.campaignId);
    await assertTargetsKept(database, tenantId, state.launch?.launchId);
    return targetIds(database, [tenantId, state.launch?.launchId ?? '', target.statuses], {
      after,
      limit: MAX_TARGET_PAGE,
    });
  }
}

/** Devices of a launch, ascending by id. */
export const targetIds = async (
  database: Database,
  which: readonly [tenantId: string, launchId: string, statuses: readonly TargetStatus[] | null],
  { after, limit }: { readonly after: string | null; readonly limit: number },
): Promise<string[]> => {
  const { rows } = await database.query<{ device_id: string }>(
    `SELECT device_id FROM campaign_targets
     WHERE tenant_id = $1 AND launch_id = $2 AND ($3::text[] IS NULL OR status = ANY($3)) AND device_id > $4
     ORDER BY device_id LIMIT $5`,
    [...which, after ?? '', limit],
  );
  return rows.map(({ device_id: id }) => id);
};
