import { AppError, type Actor, type JsonObject } from '@muster/contracts';
import { canonicalJson } from '@muster/contracts/canonical-json';
import { configIdOf } from '../device-configuration/config-id.js';
import { withChanges, type DeviceConfiguration } from '../device-configuration/configuration-state.js';
import type {
  ConfigurationEvent,
  ConfigurationReoffered,
  DesiredChanges,
  DesiredConfigurationChanged,
} from '../device-configuration/device-configuration.events.js';
import { documentFrom, effectiveOf } from '../device-configuration/documents.js';
import { assertAcceptable, assertWithinLimits, storable } from './acceptable-values.js';
import {
  assertAllowed,
  changedDesired,
  changesDocument,
  differencesOf,
  withDefaults,
  type DesiredMode,
  type Rules,
} from './desired-values.js';

// What operators and rules want: their half of the decider.

export interface ChangeDesired {
  readonly type: 'ChangeDesired';
  /**
   * `merge`: RFC 7396 into the values in effect, null takes back an own value. `replace`: own values that are not named are
   * taken back, and so is what is null. `set`: each key that is named gets exactly its value. Where one is taken back, its
   * default is in effect.
   */
  readonly mode: DesiredMode;
  readonly desired: JsonObject;
  /** Throws `desired-changed` where somebody other than `source` changed one of the keys after this time. */
  readonly unlessChangedSince?: string;
  /** But where one of these did, whose wishes have given way already. */
  readonly overruled?: readonly Actor[];
  /** Only the keys that are as they are by this one's wish; throws `desired-changed` where none is. */
  readonly onlyWhereBy?: Actor;
  readonly expectedVersion?: number;
  readonly source: Actor;
  readonly reason?: string;
  readonly rules: Rules;
  readonly at: string;
}

/** The defaults in force are put into effect where the device has no value of its own. */
export interface ApplyDefaults {
  readonly type: 'ApplyDefaults';
  readonly source: Actor;
  readonly rules: Pick<Rules, 'defaults' | 'limits'>;
  readonly at: string;
}

/** Somebody wants the document offered once more. */
export interface Reoffer {
  readonly type: 'Reoffer';
  /** Only when the device refused it, and before this time: a refusal of the new offer is not met by the repeated wish. */
  readonly rejectedBefore?: string;
  readonly expectedVersion?: number;
  readonly source: Actor;
  readonly reason?: string;
  readonly at: string;
}

export const changeDesired = (
  command: ChangeDesired,
  state: DeviceConfiguration,
): readonly ConfigurationEvent[] => {
  assertAcceptable(command.desired, 'desired');
  assertNotBeyond(command.expectedVersion, state);
  const before = effectiveOf(state);
  const desired = onlyKeysOf(command.onlyWhereBy, command.desired, state);
  const after = changedDesired(before, command.mode, desired, command.rules);
  const changes = differencesOf(before, after);
  if (Object.keys(changes).length === 0) return [];
  assertExpected(command.expectedVersion, state);
  assertNotOvertaken(Object.keys(changes), command, state);
  const document = documentFrom(after);
  const canonical = canonicalJson(document);
  assertAllowed(changes, document, canonical, command.rules);
  return [desiredChanged(changes, configIdOf(document, canonical), command)];
};

export const applyDefaults = (
  command: ApplyDefaults,
  state: DeviceConfiguration,
): readonly ConfigurationEvent[] => {
  const before = effectiveOf(state);
  const after = withDefaults(before, command.rules);
  const changes = differencesOf(before, after);
  if (!changesDocument(changes)) return [];
  const document = documentFrom(after);
  const canonical = canonicalJson(document);
  assertWithinLimits(document, command.rules.limits, 'desired', Object.keys(changes), canonical);
  return [desiredChanged(changes, configIdOf(document, canonical), command)];
};

export const reoffer = (command: Reoffer, state: DeviceConfiguration): readonly ConfigurationEvent[] => {
  assertNotBeyond(command.expectedVersion, state);
  const { configId, dispatched, sentSinceChange } = state;
  const confirmation = state.confirmation?.configId === configId ? state.confirmation : null;
  if (configId === '' || confirmation?.rejection === null) return [];
  // On offer already: nobody has been given it, and nobody has refused it.
  if (confirmation === null && !sentSinceChange && dispatched?.reachedAt == null) return [];
  const { rejectedBefore } = command;
  if (rejectedBefore !== undefined && (confirmation === null || confirmation.at >= rejectedBefore)) return [];
  assertExpected(command.expectedVersion, state);
  return [
    {
      type: 'ConfigurationReoffered',
      data: {
        configId,
        source: command.source,
        ...(command.reason === undefined ? {} : { reason: storable(command.reason) }),
        reofferedAt: command.at,
      },
    },
  ];
};

/** Somebody else's wish that came later stands. A default is nobody's wish for this device. */
const assertNotOvertaken = (
  keys: readonly string[],
  { source, unlessChangedSince, overruled = [] }: ChangeDesired,
  state: DeviceConfiguration,
): void => {
  if (unlessChangedSince === undefined) return;
  for (const key of keys) {
    const last = lastWish(state, key);
    if (last === undefined || last.at <= unlessChangedSince || last.by.kind === 'default') continue;
    if ([source, ...overruled].some((one) => isSameActor(last.by, one))) continue;
    throw new AppError(
      'desired-changed',
      `desired.${key} was changed by ${last.by.kind} ${last.by.id} at ${last.at}.`,
    );
  }
};

const onlyKeysOf = (
  owner: Actor | undefined,
  desired: JsonObject,
  state: DeviceConfiguration,
): JsonObject => {
  if (owner === undefined) return desired;
  const own = Object.entries(desired).filter(([key]) => {
    const last = lastWish(state, key);
    return last !== undefined && isSameActor(last.by, owner);
  });
  if (own.length === 0 && Object.keys(desired).length > 0)
    throw new AppError('desired-changed', `None of the keys is as ${owner.kind} ${owner.id} left it.`);
  return Object.fromEntries(own);
};

/** Who gave the key its value, or took it away; undefined: it never had one, or that is long ago. */
const lastWish = (
  state: DeviceConfiguration,
  key: string,
): { readonly at: string; readonly by: Actor } | undefined =>
  entryOf(state.desired, key) ?? entryOf(state.withdrawn, key);

const entryOf = <Entry>(entries: Readonly<Record<string, Entry>>, key: string): Entry | undefined =>
  Object.hasOwn(entries, key) ? entries[key] : undefined;

const isSameActor = (one: Actor, other: Actor): boolean => one.kind === other.kind && one.id === other.id;

const desiredChanged = (
  changes: DesiredChanges,
  configId: string,
  { source, reason, at }: { readonly source: Actor; readonly reason?: string; readonly at: string },
): ConfigurationEvent => ({
  type: 'DesiredConfigurationChanged',
  schemaVersion: 2,
  data: {
    changes,
    configId,
    source,
    ...(reason === undefined ? {} : { reason: storable(reason) }),
    changedAt: at,
  },
});

/**
 * A version that has never been cannot have been read, whether or not there is something to change. An older one with nothing
 * to change is how a repetition looks whose first answer was lost: it is satisfied.
 */
const assertNotBeyond = (expected: number | undefined, state: DeviceConfiguration): void => {
  if (expected !== undefined && expected > state.version) assertExpected(expected, state);
};

const assertExpected = (expected: number | undefined, { version }: DeviceConfiguration): void => {
  if (expected === undefined || expected === version) return;
  throw new AppError('version-mismatch', `The configuration is at version ${version}, not ${expected}.`);
};

/** `state` has the version of the change already. */
export const withDesiredChange = (
  state: DeviceConfiguration,
  { changes, configId, source: by, changedAt: at }: DesiredConfigurationChanged['data'],
): DeviceConfiguration => {
  const desired = withChanges(state.desired, changes, (value, { origin = 'device' }) => ({
    value,
    origin,
    at,
    by,
  }));
  const withdrawn = withdrawnAfter(state.withdrawn, changes, { at, by });
  const changed = { ...state, version: state.streamVersion, configId, desired, withdrawn };
  // The same document, only the values are somebody else's now: what the device was sent and said of it still holds.
  if (configId === state.configId) return changed;
  return {
    ...changed,
    sentSinceChange: false,
    // A change is somebody's word to try again, even one that comes back to the document that was refused.
    confirmation: state.confirmation?.rejection == null ? state.confirmation : null,
    doubted: null,
    strayReport: state.confirmation ?? state.strayReport,
  };
};

/** A device that loses key after key does not get a longer and longer state: the oldest are forgotten. */
const withdrawnAfter = (
  before: DeviceConfiguration['withdrawn'],
  changes: DesiredChanges,
  wish: { readonly at: string; readonly by: Actor },
): DeviceConfiguration['withdrawn'] => {
  const entries = Object.entries(changes);
  if (entries.every(([key, { to }]) => to !== undefined && !Object.hasOwn(before, key))) return before;
  const after = new Map(Object.entries(before));
  for (const [key, { to }] of entries) {
    after.delete(key);
    if (to === undefined) after.set(key, wish);
  }
  return Object.fromEntries([...after].slice(-MOST_WITHDRAWN));
};

const MOST_WITHDRAWN = 64;

export const withReoffer = (
  state: DeviceConfiguration,
  { reofferedAt: at }: ConfigurationReoffered['data'],
): DeviceConfiguration => {
  const { dispatched, confirmation, strayReport } = state;
  return {
    ...state,
    // Nobody has it, as far as this offer goes; what was put on the wire before it is told of too late.
    dispatched: dispatched && { ...dispatched, subscriber: false, reachedAt: null, at },
    sentSinceChange: false,
    confirmation: confirmation?.configId === state.configId ? null : confirmation,
    doubted: null,
    strayReport: confirmation ?? strayReport,
  };
};
