import type { Schema } from '../api/client.js';
import { batchOf, draftOf, type BatchDraft } from './batch-plan.js';
import type { Campaign } from './campaigns.queries.js';

export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Day = (typeof DAYS)[number];

/** Hours in which values are written, as they are being given. No day: every day. */
export interface WindowDraft {
  readonly timeZone: string;
  readonly from: string;
  readonly to: string;
  readonly days: readonly Day[];
}

/** How a campaign is split, how fast it goes and when; a number that is undefined is the default, or no limit. */
export interface PlanDraft {
  readonly batches: readonly BatchDraft[];
  readonly spacingSeconds: number | undefined;
  readonly ratePerMinute: number | undefined;
  readonly maxInFlight: number | undefined;
  readonly deadlineSeconds: number | undefined;
  readonly retriesMax: number | undefined;
  readonly retriesFirstAfterSeconds: number | undefined;
  readonly onConflict: Campaign['onConflict'];
  readonly waitForDevices: boolean;
  readonly window: WindowDraft | undefined;
  readonly threshold: { readonly maxFailurePercent?: number; readonly minSettled?: number } | undefined;
  /** As an input of a day and a time holds it. */
  readonly endAt: string | undefined;
}

export const planOf = (campaign: Campaign): PlanDraft => {
  const { window, failureThreshold, retries } = campaign;
  return {
    batches: campaign.batches.map(draftOf),
    spacingSeconds: campaign.spacingSeconds,
    ratePerMinute: campaign.ratePerMinute,
    maxInFlight: campaign.maxInFlight,
    deadlineSeconds: campaign.deadlineSeconds,
    retriesMax: retries.max,
    retriesFirstAfterSeconds: retries.firstAfterSeconds,
    onConflict: campaign.onConflict,
    waitForDevices: campaign.waitForDevices,
    window: window === undefined ? undefined : { ...window, days: window.days ?? [] },
    threshold: failureThreshold,
    endAt: campaign.endAt,
  };
};

/** Null puts the default back, or takes away what has none. */
export const planBody = (plan: PlanDraft): Schema<'CampaignEdit'> => ({
  batches: plan.batches.map(batchOf),
  spacingSeconds: plan.spacingSeconds ?? null,
  ratePerMinute: plan.ratePerMinute ?? null,
  maxInFlight: plan.maxInFlight ?? null,
  deadlineSeconds: plan.deadlineSeconds ?? null,
  retries:
    plan.retriesMax === undefined
      ? null
      : { max: plan.retriesMax, firstAfterSeconds: plan.retriesFirstAfterSeconds ?? 60 },
  onConflict: plan.onConflict,
  waitForDevices: plan.waitForDevices,
  window:
    plan.window === undefined
      ? null
      : {
          timeZone: plan.window.timeZone,
          from: plan.window.from,
          to: plan.window.to,
          ...(plan.window.days.length === 0 ? {} : { days: [...plan.window.days] }),
        },
  // What was left empty is refused at its field.
  failureThreshold: plan.threshold === undefined ? null : (plan.threshold as Schema<'FailureThreshold'>),
  endAt: plan.endAt ?? null,
});

/** All that a draft says, with what was changed of it: what a new one is made of, that nothing launches by itself. */
export const definitionOf = (
  campaign: Campaign,
  changed: Schema<'CampaignEdit'>,
): Schema<'CampaignInput'> => {
  const { name, target, configurations, expectedStates, expectedFrom, description, deviceType } = campaign;
  const whole: Schema<'CampaignEdit'> = {
    ...{ configurations, expectedStates, expectedFrom },
    ...(description === undefined ? {} : { description }),
    ...(deviceType === undefined ? {} : { deviceType }),
    ...planBody(planOf(campaign)),
    ...changed,
  };
  const said = Object.entries(whole).filter(([, value]) => value !== null);
  return { name, target, ...Object.fromEntries(said) };
};
