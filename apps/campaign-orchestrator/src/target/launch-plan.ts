import { AppError } from '@muster/contracts';
import type { CampaignPreview, TypeRefusal } from '@muster/contracts/campaign-orchestrator/targets.requests';
import {
  checkValues,
  compareConfigurations,
  MAX_CHECKED_TYPES,
  MAX_COMPARED,
} from '@muster/contracts/configuration/campaign.requests';
import { MAX_SELECTED_DEVICES, selectDevices } from '@muster/contracts/device-registry/selection.requests';
import {
  MAX_TARGET_PAGE,
  previewTarget,
  SAMPLE_DEVICES,
  type SampleDevice,
} from '@muster/contracts/device-registry/targets.requests';
import type { Database, EventStore } from '@muster/event-store';
import type { Bus } from '@muster/messaging';
import { planBatches, type BatchAsk } from '../batch/plan-batches.js';
import { windowAt } from '../batch/window.js';
import { campaign } from '../campaign/campaign.decider.js';
import { assertOpens } from '../campaign/definition-rules.js';
import type { BatchShare, CampaignDefinition } from '../campaign/campaign.events.js';
import { assertJudged, assertMeant, comparisonOf, isCompatible } from './compatible.js';
import { conflictError, conflictsAmong, type Conflict } from './conflicts.js';
import type { CheckedLaunch, LaunchCheck } from './launch-check.js';
import { FILTER_TIMEOUT_MS, type CampaignDevices } from './target-devices.js';

interface Parts {
  readonly database: Database;
  readonly store: EventStore;
  readonly bus: Pick<Bus, 'request'>;
  readonly devices: CampaignDevices;
}

interface Found {
  /** Devices that exist. */
  readonly matched: number;
  /** With those that are named and do not exist: they are in a batch as well. */
  readonly ids: readonly string[];
  /** Names of types are operators' own: `constructor` is one. */
  readonly byDeviceType: ReadonlyMap<string, number>;
  readonly sample: SampleDevice[];
  readonly missing: readonly string[];
}

/** Comparisons that are asked for at once. */
const COMPARED_AT_ONCE = 3;
const COMPARE_TIMEOUT_MS = 10_000;

/** What a launch would do, without writing anything; and what it is refused for. */
export class LaunchPlan implements LaunchCheck {
  constructor(private readonly parts: Parts) {}

  async check(request: Parameters<LaunchCheck['check']>[0]): Promise<CheckedLaunch> {
    const { tenantId, campaignId, definition, expectedCount } = request;
    const found = await this.find(tenantId, definition);
    const { ids, matched } = found;
    assertMeant(definition, { matched, compatible: matched - incompatibleIn(definition, found) });
    if (expectedCount !== null && matched > expectedCount) {
      const detail = `${matched === 1 ? '1 device matches' : `${matched} devices match`} now, and expectedCount is ${expectedCount}. Nothing was launched.`;
      throw new AppError('more-devices-than-expected', detail);
    }
    assertOpens(definition, new Date().toISOString());
    const refusals = await this.refusals(tenantId, definition, found);
    if (refusals.length > 0 && refusals.length === typesMeant(definition, found).length)
      throw refusedByAll(refusals);
    await this.batches(tenantId, definition, ids);
    if (definition.onConflict === 'reject') {
      const meant = await this.compatible(tenantId, definition, found);
      const conflicts = await this.conflicts(tenantId, campaignId, definition, meant);
      if (conflicts.length > 0) throw conflictError(conflicts);
    }
    return { matched };
  }

  /** Refuses batches that cannot be made, and nothing else: whoever looks wants to see why. */
  async preview(
    tenantId: string,
    campaignId: string,
    definition: CampaignDefinition,
  ): Promise<CampaignPreview> {
    const found = await this.find(tenantId, definition);
    const { ids, matched, byDeviceType, sample, missing } = found;
    const meant = await this.compatible(tenantId, definition, found);
    const [alreadyCompliant, refusals, conflicts, sizes] = await Promise.all([
      this.compliant(tenantId, definition, meant),
      this.refusals(tenantId, definition, found),
      this.conflicts(tenantId, campaignId, definition, meant),
      this.batches(tenantId, definition, ids),
    ]);
    return {
      ...{ matched, sample, byDeviceType: Object.fromEntries(byDeviceType), alreadyCompliant },
      incompatible: incompatibleIn(definition, found),
      ...(missing.length === 0 ? {} : { missing: missing.slice(0, MAX_MISSING) }),
      ...(refusals.length === 0 ? {} : { refusals }),
      conflicts: [...conflicts],
      batches: timesOf(definition, sizes, new Date()),
    };
  }

  private async find(tenantId: string, definition: CampaignDefinition): Promise<Found> {
    const { bus, devices } = this.parts;
    const { target } = definition;
    // What was acknowledged before is found.
    await devices.catchUp(tenantId, [target, ...definition.batches.map(({ share }) => share)]);
    if ('filter' in target) {
      const { filter } = target;
      const [{ sample, byDeviceType }, ids] = await Promise.all([
        bus.request(previewTarget, { tenantId, target: { filter } }, { timeoutMs: FILTER_TIMEOUT_MS }),
        this.select(tenantId, filter),
      ]);
      return { matched: ids.length, ids, sample, byDeviceType: countsOf(byDeviceType), missing: [] };
    }
    if ('deviceIds' in target) {
      const named = { deviceIds: [...target.deviceIds] };
      const {
        missing = [],
        byDeviceType,
        ...found
      } = await bus.request(previewTarget, { tenantId, target: named }, { timeoutMs: FILTER_TIMEOUT_MS });
      return { ...found, byDeviceType: countsOf(byDeviceType), ids: named.deviceIds, missing };
    }
    const ids: string[] = [];
    const missing: string[] = [];
    const byDeviceType = new Map<string, number>();
    for (let after: string | null = null; ;) {
      const page = await devices.page(tenantId, target, after);
      for (const { id, deviceType } of page.devices) {
        ids.push(id);
        byDeviceType.set(deviceType, (byDeviceType.get(deviceType) ?? 0) + 1);
      }
      missing.push(...page.missing);
      if (page.next === null) break;
      after = page.next;
    }
    const first = ids.slice(0, Math.min(SAMPLE_DEVICES, MAX_TARGET_PAGE));
    const { sample } =
      first.length === 0
        ? { sample: [] }
        : await bus.request(
            previewTarget,
            { tenantId, target: { deviceIds: first } },
            { timeoutMs: FILTER_TIMEOUT_MS },
          );
    return { matched: ids.length, ids: [...ids, ...missing], sample, byDeviceType, missing };
  }

  /** Those that the campaign is for: the others are skipped, whatever they have and whoever else wants them. */
  private async compatible(
    tenantId: string,
    definition: CampaignDefinition,
    found: Found,
  ): Promise<readonly string[]> {
    const { ids, missing } = found;
    if (incompatibleIn(definition, found) === 0) {
      const gone = new Set(missing);
      return gone.size === 0 ? ids : ids.filter((id) => !gone.has(id));
    }
    const own: string[] = [];
    for (let after: string | null = null; ;) {
      const page = await this.parts.devices.page(tenantId, definition.target, after);
      own.push(...page.devices.filter((device) => isCompatible(definition, device)).map(({ id }) => id));
      if (page.next === null) return own;
      after = page.next;
    }
  }

  private async select(tenantId: string, filter: string): Promise<string[]> {
    const ids: string[] = [];
    for (let after: string | null = null; ;) {
      const page: { deviceIds: string[]; next: string | null } = await this.parts.bus.request(
        selectDevices,
        { tenantId, filter, limit: MAX_SELECTED_DEVICES, ...(after === null ? {} : { after }) },
        { timeoutMs: FILTER_TIMEOUT_MS },
      );
      ids.push(...page.deviceIds);
      if (page.next === null) return ids;
      after = page.next;
    }
  }

  /** Sizes of the batches, if the devices were these. */
  private async batches(
    tenantId: string,
    definition: CampaignDefinition,
    ids: readonly string[],
  ): Promise<readonly number[]> {
    const { batches } = definition;
    const free = new Set(ids);
    const asks: BatchAsk[] = [];
    for (const { share } of batches) {
      if ('percent' in share || 'count' in share) asks.push(share);
      else asks.push({ named: (await this.namedBy(tenantId, share)).filter((id) => free.delete(id)).length });
    }
    const sizes = planBatches(ids.length, asks);
    if (ids.length > 0) assertJudged(definition, sizes);
    return sizes;
  }

  private async namedBy(
    tenantId: string,
    share: Extract<BatchShare, { deviceIds: unknown } | { filter: unknown }>,
  ): Promise<readonly string[]> {
    return 'deviceIds' in share ? share.deviceIds : this.select(tenantId, share.filter);
  }

  private async compliant(
    tenantId: string,
    definition: CampaignDefinition,
    ids: readonly string[],
  ): Promise<number> {
    if (definition.revertOf !== null) return 0;
    let next = 0;
    let found = 0;
    const work = async (): Promise<void> => {
      for (let start = next; start < ids.length; start = next) {
        next += MAX_COMPARED;
        const deviceIds = ids.slice(start, start + MAX_COMPARED);
        const { compliant } = await this.parts.bus.request(
          compareConfigurations,
          {
            tenantId,
            deviceIds,
            ...comparisonOf(definition),
          },
          { timeoutMs: COMPARE_TIMEOUT_MS },
        );
        found += compliant.length;
      }
    };
    await Promise.all(Array.from({ length: COMPARED_AT_ONCE }, work));
    return found;
  }

  /** What the rules of the device types say of the values. A revert gives back what was there. */
  private async refusals(
    tenantId: string,
    definition: CampaignDefinition,
    found: Found,
  ): Promise<TypeRefusal[]> {
    const { configurations } = definition;
    const deviceTypes = typesMeant(definition, found).slice(0, MAX_CHECKED_TYPES);
    if (deviceTypes.length === 0 || Object.keys(configurations).length === 0) return [];
    const { refused } = await this.parts.bus.request(checkValues, {
      ...{ tenantId, deviceTypes },
      desired: { ...configurations },
    });
    return refused.map(({ deviceType, errors }) => ({
      deviceType,
      devices: found.byDeviceType.get(deviceType) ?? 0,
      errors: errors.map(({ path, message }) => ({ path: `configurations.${path}`, message })),
    }));
  }

  private async conflicts(
    tenantId: string,
    campaignId: string,
    definition: CampaignDefinition,
    deviceIds: readonly string[],
  ): Promise<readonly Conflict[]> {
    return conflictsAmong(this.parts.database, tenantId, {
      keys: await this.keys(tenantId, definition),
      revertOf: definition.revertOf,
      ...{ campaignId, deviceIds },
    });
  }

  private async keys(tenantId: string, { configurations, revertOf }: CampaignDefinition): Promise<string[]> {
    if (revertOf === null) return Object.keys(configurations);
    const { state } = await this.parts.store.load(campaign, tenantId, revertOf);
    return Object.keys(state.definition?.configurations ?? {});
  }
}

const MAX_MISSING = 500;

const countsOf = (byDeviceType: Readonly<Record<string, number>>): ReadonlyMap<string, number> =>
  new Map(Object.entries(byDeviceType));

const typesMeant = (definition: CampaignDefinition, { byDeviceType }: Found): string[] =>
  [...byDeviceType.keys()].filter((deviceType) => isCompatible(definition, { deviceType }));

/** With the faults of the type that has most of the devices. */
const refusedByAll = (refusals: readonly TypeRefusal[]): AppError => {
  const [first] = [...refusals].sort((a, b) => b.devices - a.devices);
  const { deviceType = '', errors = [] } = first ?? {};
  const told = errors.map(({ path, message }) => `${path} ${message}`).join('; ');
  return new AppError(
    'invalid-configuration',
    `No device of the target takes the values; ${deviceType}: ${told}`,
    {
      errors: [...errors],
    },
  );
};

const incompatibleIn = (definition: CampaignDefinition, { byDeviceType }: Found): number =>
  [...byDeviceType]
    .filter(([deviceType]) => !isCompatible(definition, { deviceType }))
    .reduce((sum, [, n]) => sum + n, 0);

/** When each batch can go at the earliest, launched now or at its start date; null: an operator says when. */
export const timesOf = (
  {
    batches,
    spacingSeconds,
    startAt,
    window,
  }: Pick<CampaignDefinition, 'batches' | 'spacingSeconds' | 'startAt' | 'window'>,
  sizes: readonly number[],
  now: Date,
): CampaignPreview['batches'] => {
  let earliest: number | null = Math.max(now.getTime(), startAt === null ? 0 : Date.parse(startAt));
  return batches.map(({ release }, place) => {
    const size = sizes[place] ?? 0;
    if (release === 'manual') earliest = null;
    if (earliest !== null) {
      const { open, changesAt } = windowAt(window, new Date(earliest).toISOString());
      if (!open) earliest = changesAt === null ? null : Date.parse(changesAt);
    }
    const view = {
      index: place + 1,
      size,
      earliestAt: earliest === null ? null : new Date(earliest).toISOString(),
    };
    if (earliest !== null && size > 0) earliest += spacingSeconds * 1_000;
    return view;
  });
};
