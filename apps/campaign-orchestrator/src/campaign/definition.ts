import type {
  BatchDefinition,
  CampaignEdit,
  CampaignInput,
  CampaignTarget,
  Gate,
  Window,
} from '@muster/contracts/campaign-orchestrator/campaign';
import type {
  BatchShare,
  CampaignDefinition,
  StoredBatch,
  StoredGate,
  StoredTarget,
  StoredWindow,
} from './campaign.events.js';

/** What counts where a definition says nothing; the installation's own. */
export interface DefinitionDefaults {
  readonly ratePerMinute: number;
  readonly deadlineSeconds: number;
}

const MIN_SETTLED = 50;
const MIN_SETTLED_PERCENT = 25;

/** With every default filled in. Takes what the contract lets through; what is wrong with it `faultsOf` says. */
export const definitionOf = (
  input: CampaignInput,
  defaults: DefinitionDefaults,
  revertOf: string | null = null,
): CampaignDefinition => ({
  name: input.name,
  description: input.description ?? null,
  target: targetOf(input.target),
  configurations: input.configurations ?? {},
  expectedStates: input.expectedStates ?? {},
  expectedFrom: input.expectedFrom ?? 'any',
  batches: (input.batches ?? [{ percent: 100 }]).map(batchOf),
  spacingSeconds: input.spacingSeconds ?? 0,
  startAt: inUtc(input.startAt),
  endAt: inUtc(input.endAt),
  window: windowOf(input.window),
  ratePerMinute: input.ratePerMinute ?? defaults.ratePerMinute,
  maxInFlight: input.maxInFlight ?? null,
  deadlineSeconds: input.deadlineSeconds ?? defaults.deadlineSeconds,
  retries: input.retries == null ? { max: 2, firstAfterSeconds: 60 } : { ...input.retries },
  failureThreshold:
    input.failureThreshold == null
      ? null
      : {
          maxFailurePercent: input.failureThreshold.maxFailurePercent,
          minSettled: input.failureThreshold.minSettled ?? MIN_SETTLED,
        },
  waitForDevices: input.waitForDevices ?? false,
  onConflict: input.onConflict ?? 'reject',
  ...(input.deviceType == null ? {} : { deviceType: input.deviceType }),
  revertOf,
});

/** What is named is replaced as a whole; null puts the default back. */
export const editedDefinition = (
  before: CampaignDefinition,
  edit: CampaignEdit,
  defaults: DefinitionDefaults,
): CampaignDefinition => {
  const { name, target, ...rest } = edit;
  const input = {
    ...rest,
    name: name ?? before.name,
    target: target ?? targetViewOf(before.target),
  };
  const after = definitionOf(input, defaults, before.revertOf);
  const changed = Object.entries(after).filter(
    ([field]) => field === 'name' || field === 'target' || rest[field as keyof typeof rest] !== undefined,
  );
  const { deviceType, ...others } = before;
  const kept = rest.deviceType === null || deviceType === undefined ? others : before;
  return { ...kept, ...(Object.fromEntries(changed) as Partial<CampaignDefinition>) }; // fields of `after`
};

export const targetViewOf = (target: StoredTarget): CampaignTarget => {
  if ('deviceIds' in target) return { deviceIds: [...target.deviceIds] };
  if ('filter' in target) return { filter: target.filter };
  const { campaignId, statuses } = target;
  return { campaignId, ...(statuses === null ? {} : { statuses: [...statuses] }) };
};

export const batchInputOf = ({ share, release, gate, recentlySeenFirst }: StoredBatch): BatchDefinition => ({
  ...('deviceIds' in share ? { deviceIds: [...share.deviceIds] } : share),
  release,
  ...(gate === null ? {} : { gate: gateViewOf(gate) }),
  ...(recentlySeenFirst ? { recentlySeenFirst } : {}),
});

export const windowViewOf = (window: StoredWindow | null): Window | undefined =>
  window === null
    ? undefined
    : {
        timeZone: window.timeZone,
        from: window.from,
        to: window.to,
        ...(window.days === null ? {} : { days: [...window.days] }),
      };

const gateViewOf = ({ minSuccessPercent, maxFailurePercent, maxWaitSeconds, ...rest }: StoredGate): Gate => ({
  ...(minSuccessPercent === null ? {} : { minSuccessPercent }),
  ...(maxFailurePercent === null ? {} : { maxFailurePercent }),
  ...rest,
  ...(maxWaitSeconds === null ? {} : { maxWaitSeconds }),
});

/** Of none of the three kinds: an empty list, which is refused. */
const targetOf = ({ deviceIds, filter, campaignId, statuses }: CampaignTarget): StoredTarget => {
  if (campaignId != null) return { campaignId, statuses: statuses ?? null };
  if (filter != null) return { filter };
  return { deviceIds: [...new Set(deviceIds ?? [])] };
};

const batchOf = (batch: BatchDefinition): StoredBatch => ({
  share: shareOf(batch),
  release: batch.release ?? 'auto',
  gate: batch.gate == null ? null : gateOf(batch.gate),
  recentlySeenFirst: batch.recentlySeenFirst ?? false,
});

const shareOf = ({ percent, count, deviceIds, filter }: BatchDefinition): BatchShare => {
  if (percent != null) return { percent };
  if (count != null) return { count };
  return filter == null ? { deviceIds: [...new Set(deviceIds ?? [])] } : { filter };
};

const gateOf = (gate: Gate): StoredGate => ({
  minSuccessPercent: gate.minSuccessPercent ?? null,
  maxFailurePercent: gate.maxFailurePercent ?? null,
  minSettled: gate.minSettled ?? MIN_SETTLED,
  minSettledPercent: gate.minSettledPercent ?? MIN_SETTLED_PERCENT,
  soakSeconds: gate.soakSeconds ?? 0,
  maxWaitSeconds: gate.maxWaitSeconds ?? null,
  offline: gate.offline ?? 'exclude',
});

const windowOf = (window: Window | null | undefined): StoredWindow | null =>
  window == null
    ? null
    : { timeZone: window.timeZone, from: window.from, to: window.to, days: window.days ?? null };

/** Times are compared and shown in one form. */
const inUtc = (time: string | null | undefined): string | null =>
  time == null ? null : new Date(time).toISOString();
