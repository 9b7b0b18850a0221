import type { Actor, JsonValue } from '@muster/contracts';
import type { TargetStatus } from '@muster/contracts/campaign-orchestrator/campaign';
import type { DeviceState } from '@muster/contracts/configuration/campaign.requests';
import type { DeviceInterface } from '@muster/contracts/device-registry/devices.requests';
import { cutText } from '@muster/contracts/cut-text';
import { sameJson } from '@muster/contracts/same-json';

/** Why a target stands as it does: who or what is to blame, and a code to count by. */
export interface TargetReason {
  readonly code: string;
  readonly origin: 'campaign' | 'device' | 'configuration' | 'user';
  readonly detail?: string;
  readonly by?: Actor;
  readonly at?: string;
}

/** What can change of a target. Times are ISO 8601, those of what happened at the device by the clock of `configuration`. */
export interface TargetState {
  readonly status: TargetStatus;
  /** How often its document was offered on this campaign's account. */
  readonly attempts: number;
  /** When its document first reached somebody, since it was last offered. */
  readonly dispatchedAt: string | null;
  readonly acknowledgedAt: string | null;
  readonly finishedAt: string | null;
  readonly deadlineAt: string | null;
  readonly retryAt: string | null;
  /** Its interface knows what was written, and need not be waited for. */
  readonly synced: boolean;
  /** The device answered after the campaign had given it up. */
  readonly late: boolean;
  readonly reason: TargetReason | null;
}

export interface Target extends TargetState {
  readonly interface: DeviceInterface;
  /** What is handed to `configuration` at this moment and not answered yet. */
  readonly operation: string | null;
  /** Of the document with what was written; null: nothing was. */
  readonly configId: string | null;
}

/** What a campaign wants of one device. */
export interface Wanted {
  readonly campaignId: string;
  /** Key → desired value; null: none of its own. */
  readonly values: Readonly<Record<string, JsonValue>>;
  readonly expectedStates: Readonly<Record<string, JsonValue>>;
  readonly expectedFrom: 'any' | 'stated';
  readonly deadlineSeconds: number;
  readonly retries: { readonly max: number; readonly firstAfterSeconds: number };
  /** What others wished before this is what the campaign changes, after it is not touched; by the clock of `configuration`. */
  readonly asOf: string;
  /** Campaigns that were at work before this one: what they still write after `asOf` gives way to it. */
  readonly overruled: readonly string[];
}

/** Nothing of these changes any more, but that the device may still answer. */
export const isFinal = (status: TargetStatus): boolean => FINAL.has(status);
const FINAL = new Set<TargetStatus>([
  'succeeded',
  'failed',
  'timed_out',
  'skipped',
  'superseded',
  'cancelled',
  'removed',
]);

/** What a device may answer with that is worth another try: it was busy, or away from what it needs. */
const isPassingStatus = (statusCode: number): boolean =>
  statusCode >= 500 || statusCode === 408 || statusCode === 425 || statusCode === 429;

/** Of what a device gives as its reason. */
const REASON_LENGTH = 300;

/** At most; each one waits twice as long as the one before, and up to half as long again, so that not all come at once. */
const MAX_RETRY_SECONDS = 86_400;

/**
 * What becomes of a target by what its device is now. The same answer however often it is asked, and whichever events led
 * here, so none of them must arrive. Null: nothing changes. `chance` from 0 to 1 spreads retries.
 */
export const evaluate = (
  target: Target,
  wanted: Wanted,
  device: DeviceState,
  { now, chance }: { readonly now: string; readonly chance: number },
): TargetState | null => {
  const { status } = target;
  if (status === 'timed_out' || status === 'cancelled') return answeredLate(target, wanted, device, now);
  // While a write or an offer is under way, its own answer says what becomes of it.
  if (isFinal(status) || target.operation !== null) return null;
  if (device.ended) return ended(target, 'removed', now, { code: 'device-removed', origin: 'user' });
  const overtaken = overtakenBy(wanted, device, status === 'planned');
  if (overtaken !== null) return ended(target, 'superseded', now, overtaken);
  if (status === 'planned') return null;
  const seen = followed(target, wanted, device, now);
  const after = seen ?? target;
  if (hasSucceeded(after, wanted, device)) return ended(after, 'succeeded', now, null);
  if (status === 'retry_wait') return seen;
  const rejection = device.confirmed?.rejection;
  // Applied once, it may refuse what somebody else has made of its document since; of the same one it has taken its word back.
  if (rejection !== undefined && (after.acknowledgedAt === null || device.configId === target.configId))
    return refused(after, wanted, rejection, { now, chance });
  return seen;
};

/** What has become due by time alone: null where nothing has. */
export const expire = (target: Target, now: string): TargetState | null => {
  const { status, deadlineAt, acknowledgedAt } = target;
  if (deadlineAt === null || deadlineAt > now || isFinal(status)) return null;
  const code = acknowledgedAt === null ? 'no_ack' : 'no_report';
  const detail =
    acknowledgedAt === null
      ? 'The device was sent its document, and has not answered in time.'
      : 'The device has applied its document, and has not reported in time what was expected.';
  return ended(target, 'timed_out', now, { code, origin: 'device', detail });
};

/** Sent, and answered. Never goes back: a document that somebody changed meanwhile is on its way again, but this one was there. */
const followed = (target: Target, wanted: Wanted, device: DeviceState, now: string): TargetState | null => {
  const { sent, confirmed, configId } = device;
  const isSent = sent !== undefined && sent.configId === configId;
  const reachedAt = isSent ? sent.reachedAt : undefined;
  const applied = confirmed !== undefined && confirmed.rejection === undefined ? confirmed : undefined;
  // A quick device answers before it is recorded that it was sent its document: it had it when it applied it.
  const dispatchedAt = earliest(target.dispatchedAt ?? reachedAt, applied?.at);
  const acknowledgedAt = target.acknowledgedAt ?? applied?.at ?? null;
  // Who fetches what it should have need not be told.
  const fetches = target.interface === 'http' || device.observe === false;
  const synced = target.synced || isSent || applied !== undefined || fetches;
  // It waits to be offered its document again, unless the device has applied it after all.
  if (target.status === 'retry_wait' && applied === undefined) return null;
  const status: TargetStatus =
    acknowledgedAt !== null ? 'acknowledged' : dispatchedAt !== null ? 'dispatched' : 'written';
  if (status === target.status && synced === target.synced && dispatchedAt === target.dispatchedAt)
    return null;
  const deadlineAt =
    target.deadlineAt ?? (dispatchedAt === null ? null : laterBy(now, wanted.deadlineSeconds));
  const seen = { status, dispatchedAt, acknowledgedAt, synced, deadlineAt };
  return { ...stateOf(target), ...seen, retryAt: null, reason: null };
};

/**
 * What the device reports, and no other saying. With expected states: reported after its document was sent, because before
 * a restart a device may still say what it was. One that has never stated such a key itself is believed when it applied.
 */
const hasSucceeded = (target: TargetState, wanted: Wanted, device: DeviceState): boolean => {
  const { values, expectedStates, expectedFrom } = wanted;
  const keys = Object.entries(expectedStates);
  const isReported = (key: string, value: JsonValue, from: 'any' | 'stated'): boolean => {
    const reported = Object.hasOwn(device.reported, key) ? device.reported[key] : undefined;
    if (reported === undefined || !sameJson(reported.value, value)) return false;
    // Nothing is sent where a campaign only expects.
    if (Object.keys(values).length === 0) return from === 'any' || reported.statedAt !== undefined;
    if (target.dispatchedAt === null) return false;
    if (reported.statedAt !== undefined && reported.statedAt >= target.dispatchedAt) return true;
    return from === 'any' && reported.statedAt === undefined && target.acknowledgedAt !== null;
  };
  if (keys.length > 0) return keys.every(([key, value]) => isReported(key, value, expectedFrom));
  return Object.keys(values).every((key) => {
    const desired = Object.hasOwn(device.desired, key) ? device.desired[key] : undefined;
    const reported = Object.hasOwn(device.reported, key) ? device.reported[key] : undefined;
    if (target.dispatchedAt === null) return false;
    if (target.acknowledgedAt !== null)
      return desired === undefined || sameJson(reported?.value, desired.value);
    return desired !== undefined && isReported(key, desired.value, 'stated');
  });
};

/** Whose wish has replaced the campaign's; before its turn: whose wish came after the launch. Null: nobody's. */
const overtakenBy = (
  { campaignId, values, asOf, overruled }: Wanted,
  device: DeviceState,
  isPlanned: boolean,
): TargetReason | null => {
  for (const [key, value] of Object.entries(values)) {
    const desired = Object.hasOwn(device.desired, key) ? device.desired[key] : undefined;
    const isOwn = desired?.origin === 'device';
    if (value === null ? !isOwn : desired !== undefined && sameJson(desired.value, value)) continue;
    const wish = isOwn ? desired : Object.hasOwn(device.withdrawn, key) ? device.withdrawn[key] : undefined;
    if (wish?.by.kind === 'campaign' && wish.by.id === campaignId) continue;
    // Before it was written, what was there before the launch is what is to be changed.
    if (isPlanned && (wish === undefined || wish.at <= asOf)) continue;
    if (isPlanned && wish?.by.kind === 'campaign' && overruled.includes(wish.by.id)) continue;
    if (wish === undefined) {
      return { code: 'desired-changed', origin: 'user', detail: `${key} has another desired value.` };
    }
    return {
      code: 'desired-changed',
      origin: wish.by.kind === 'campaign' ? 'campaign' : 'user',
      detail: `${key} was changed after the campaign had begun.`,
      by: wish.by,
      at: wish.at,
    };
  }
  return null;
};

const refused = (
  target: TargetState,
  { retries }: Wanted,
  rejection: { readonly statusCode: number; readonly reasonPhrase?: string },
  { now, chance }: { readonly now: string; readonly chance: number },
): TargetState => {
  const { statusCode, reasonPhrase } = rejection;
  const reason: TargetReason = {
    code: `status-${statusCode}`,
    origin: 'device',
    ...(reasonPhrase === undefined ? {} : { detail: cutText(reasonPhrase, REASON_LENGTH) }),
  };
  const dispatchedAt = target.dispatchedAt ?? now;
  if (!isPassingStatus(statusCode) || target.attempts > retries.max)
    return ended({ ...target, dispatchedAt, acknowledgedAt: null }, 'failed', now, reason);
  const seconds = Math.min(retries.firstAfterSeconds * 2 ** (target.attempts - 1), MAX_RETRY_SECONDS);
  return {
    ...stateOf(target),
    status: 'retry_wait',
    dispatchedAt,
    acknowledgedAt: null,
    synced: true,
    deadlineAt: null,
    retryAt: laterBy(now, seconds * (1 + chance / 2)),
    reason,
  };
};

/** The truth wins over a target that timed out; of one that was cancelled it is only noted. */
const answeredLate = (
  target: Target,
  wanted: Wanted,
  device: DeviceState,
  now: string,
): TargetState | null => {
  if (target.late || device.ended || overtakenBy(wanted, device, false) !== null) return null;
  // The campaign has ended before it was written: nothing of it is there to be answered.
  const seen = followed({ ...target, status: 'written' }, wanted, device, now) ?? target;
  if (target.deadlineAt === null && target.dispatchedAt === null && seen.dispatchedAt === null) return null;
  if (!hasSucceeded(seen, wanted, device)) return null;
  const { dispatchedAt, acknowledgedAt } = seen;
  const late = { ...stateOf(target), dispatchedAt, acknowledgedAt, late: true };
  return target.status === 'cancelled'
    ? late
    : { ...late, status: 'succeeded', reason: null, finishedAt: now };
};

export const ended = (
  target: TargetState,
  status: TargetStatus,
  now: string,
  reason: TargetReason | null,
): TargetState => ({
  ...stateOf(target),
  status,
  finishedAt: now,
  retryAt: null,
  synced: true,
  reason,
});

/** Of a target that is written, or offered again: followed from the beginning. */
export const offered = (target: Target, attempts: number): TargetState => ({
  ...stateOf(target),
  status: 'written',
  attempts,
  dispatchedAt: null,
  acknowledgedAt: null,
  deadlineAt: null,
  retryAt: null,
  // Who fetches what it should have need not be told.
  synced: target.interface === 'http',
  reason: null,
});

const stateOf = ({
  status,
  attempts,
  dispatchedAt,
  acknowledgedAt,
  finishedAt,
  deadlineAt,
  retryAt,
  synced,
  late,
  reason,
}: TargetState): TargetState => ({
  status,
  attempts,
  dispatchedAt,
  acknowledgedAt,
  finishedAt,
  deadlineAt,
  retryAt,
  synced,
  late,
  reason,
});

const earliest = (a: string | undefined, b: string | undefined): string | null =>
  a === undefined || b === undefined ? (a ?? b ?? null) : a < b ? a : b;

const laterBy = (time: string, seconds: number): string =>
  new Date(Date.parse(time) + Math.round(seconds * 1_000)).toISOString();
