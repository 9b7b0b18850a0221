import { AppError, type Actor, type JsonObject } from '@muster/contracts';
import { canonicalJson, configIdOf } from '../device-configuration/config-id.js';
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
  type Rules,
} from './desired-values.js';

// What operators and rules want: their half of the decider.

export interface ChangeDesired {
  readonly type: 'ChangeDesired';
  /**
   * `merge`: RFC 7396 into the values in effect, null takes back an own value. `replace`: own values that are not named are
   * taken back, and so is what is null. Where one is taken back, its default is in effect.
   */
  readonly mode: 'merge' | 'replace';
  readonly desired: JsonObject;
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
  const after = changedDesired(before, command.mode, command.desired, command.rules);
  const changes = differencesOf(before, after);
  if (Object.keys(changes).length === 0) return [];
  assertExpected(command.expectedVersion, state);
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
  const changed = { ...state, version: state.streamVersion, configId, desired };
  // The same document, only the values are somebody else's now: what the device was sent and said of it still holds.
  if (configId === state.configId) return changed;
  return {
    ...changed,
    sentSinceChange: false,
    // A change is somebody's word to try again, even one that comes back to the document that was refused.
    confirmation: state.confirmation?.rejection == null ? state.confirmation : null,
    strayReport: state.confirmation ?? state.strayReport,
  };
};

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
    strayReport: confirmation ?? strayReport,
  };
};
