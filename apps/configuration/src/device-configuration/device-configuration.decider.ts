import { AppError, type Actor, type JsonObject, type JsonValue } from '@muster/contracts';
import type { DeviceInterface } from '@muster/contracts/device-registry/devices.requests';
import { assertAcceptable, assertWithinLimits, storable, type Limits } from '../desired/acceptable-values.js';
import { canonicalJson, configIdOf } from './config-id.js';
import {
  assertAllowed,
  changedDesired,
  changesDocument,
  differencesOf,
  withDefaults,
  type Effective,
  type Rules,
} from '../desired/desired-values.js';
import { upcast, type ConfigurationEvent, type DesiredChanges } from './device-configuration.events.js';
import {
  appliedBy,
  fetched,
  observation,
  recordDispatched,
  rejectedBy,
  reportState,
} from '../reports/device-reports.js';
import { documentFrom, effectiveOf } from './documents.js';

/** Survives JSON: it is stored beside the stream. */
export interface DeviceConfiguration {
  /** True: the device was deleted, the stream takes no more events. */
  readonly ended: boolean;
  /** Events folded so far, which is the version of the stream. */
  readonly streamVersion: number;
  /** Stream version at the last change of the desired values; 0: never changed. */
  readonly version: number;
  readonly configId: string;
  /** Values in effect. The device's own are those of the origin `device`, which always win. */
  readonly desired: Readonly<Record<string, Effective & { readonly at: string; readonly by: Actor }>>;
  readonly reported: Readonly<Record<string, { readonly value: JsonValue; readonly at: string }>>;
  /** null: the device never said. */
  readonly observe: boolean | null;
  /** The last dispatch, of whatever document. `reachedAt`: when this document first had somebody to take it. */
  readonly dispatched: {
    readonly configId: string;
    readonly subscriber: boolean;
    readonly at: string;
    readonly reachedAt: string | null;
  } | null;
  /** True: the current document was put on the wire since the desired values last changed, and somebody took it. */
  readonly sentSinceChange: boolean;
  /** The device's last word on a document that was current when it spoke, unless it was sent another one since. */
  readonly confirmation: Report | null;
  /** The device's last word on a document that was not current. Kept only to know its repetition. */
  readonly strayReport: Report | null;
}

export interface Report {
  readonly configId: string;
  readonly at: string;
  /** null: applied. */
  readonly rejection: { readonly statusCode: number; readonly reasonPhrase?: string } | null;
}

export const initial: DeviceConfiguration = {
  ended: false,
  streamVersion: 0,
  version: 0,
  configId: '',
  desired: {},
  reported: {},
  observe: null,
  dispatched: null,
  sentSinceChange: false,
  confirmation: null,
  strayReport: null,
};

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

/** The device asks for its document, and gets it unless `configId` names it. */
export interface FetchDocument {
  readonly type: 'FetchDocument';
  readonly interface: DeviceInterface;
  readonly configId?: string;
  readonly observe?: boolean;
  readonly at: string;
}

export interface ReportApplied {
  readonly type: 'ReportApplied';
  readonly interface: DeviceInterface;
  readonly configId: string;
  readonly statusCode: number;
  readonly reasonPhrase?: string;
  readonly at: string;
}

export interface RecordDispatched {
  readonly type: 'RecordDispatched';
  readonly interface: DeviceInterface;
  readonly configId: string;
  readonly subscriber: boolean;
  /** When it was put on the wire. */
  readonly at: string;
}

/** The device says how it is. Merged into what is known (RFC 7396): null removes. */
export interface ReportState {
  readonly type: 'ReportState';
  readonly interface: DeviceInterface;
  readonly reported: JsonObject;
  readonly limits: Limits;
  readonly at: string;
}

export interface EndConfiguration {
  readonly type: 'EndConfiguration';
  readonly at: string;
}

export type ConfigurationCommand =
  | ChangeDesired
  | ApplyDefaults
  | Reoffer
  | FetchDocument
  | ReportApplied
  | RecordDispatched
  | ReportState
  | EndConfiguration;

/**
 * Pure: the time comes in with the command. No events when the command is already satisfied, whatever version it
 * expected: the repetition of a change whose answer got lost must not answer `version-mismatch`. Throws
 * `device-not-found` (deleted), `invalid-configuration`, `configuration-too-large`, `version-mismatch`.
 */
export const decide = (
  command: ConfigurationCommand,
  state: DeviceConfiguration,
): readonly ConfigurationEvent[] => {
  if (state.ended) {
    if (command.type === 'EndConfiguration') return [];
    throw new AppError('device-not-found', 'No such device.');
  }
  switch (command.type) {
    case 'ChangeDesired':
      return changeDesired(command, state);
    case 'ApplyDefaults':
      return applyDefaults(command, state);
    case 'Reoffer':
      return reoffer(command, state);
    case 'FetchDocument':
      return [...observation(command, state), ...fetched(command, state)];
    case 'ReportApplied': {
      const rejected = command.statusCode < 200 || command.statusCode > 299;
      return rejected ? rejectedBy(command, state) : appliedBy({ ...command, implicit: false }, state);
    }
    case 'RecordDispatched':
      return recordDispatched(command, state);
    case 'ReportState':
      return reportState(command, state);
    case 'EndConfiguration':
      return [{ type: 'ConfigurationEnded', data: { endedAt: command.at } }];
  }
};

const changeDesired = (command: ChangeDesired, state: DeviceConfiguration): readonly ConfigurationEvent[] => {
  assertAcceptable(command.desired, 'desired');
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

const applyDefaults = (command: ApplyDefaults, state: DeviceConfiguration): readonly ConfigurationEvent[] => {
  const before = effectiveOf(state);
  const after = withDefaults(before, command.rules);
  const changes = differencesOf(before, after);
  if (!changesDocument(changes)) return [];
  const document = documentFrom(after);
  const canonical = canonicalJson(document);
  assertWithinLimits(document, command.rules.limits, 'desired', Object.keys(changes), canonical);
  return [desiredChanged(changes, configIdOf(document, canonical), command)];
};

const reoffer = (command: Reoffer, state: DeviceConfiguration): readonly ConfigurationEvent[] => {
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

const assertExpected = (expected: number | undefined, { version }: DeviceConfiguration): void => {
  if (expected === undefined || expected === version) return;
  throw new AppError('version-mismatch', `The configuration is at version ${version}, not ${expected}.`);
};

export const evolve = (before: DeviceConfiguration, event: ConfigurationEvent): DeviceConfiguration => {
  const state = { ...before, streamVersion: before.streamVersion + 1 };
  switch (event.type) {
    case 'DesiredConfigurationChanged': {
      const { changes, configId, source: by, changedAt: at } = event.data;
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
    }
    case 'ConfigurationReoffered': {
      const { dispatched, confirmation, strayReport } = state;
      return {
        ...state,
        // Nobody has it, as far as this offer goes; what was put on the wire before it is told of too late.
        dispatched: dispatched && { ...dispatched, ...NOT_REACHED, at: event.data.reofferedAt },
        sentSinceChange: false,
        confirmation: confirmation?.configId === state.configId ? null : confirmation,
        strayReport: confirmation ?? strayReport,
      };
    }
    case 'ConfigurationDispatched': {
      const { configId, subscriber, dispatchedAt: at } = event.data;
      const reachedAt = state.dispatched?.configId === configId ? state.dispatched.reachedAt : null;
      return {
        ...state,
        dispatched: { configId, subscriber, at, reachedAt: reachedAt ?? (subscriber ? at : null) },
        // A late one that carried an older document has taken the place of what was sent before.
        sentSinceChange: subscriber ? configId === state.configId : state.sentSinceChange,
        // A device that was sent another document may have applied it: that it once confirmed this one proves nothing now.
        confirmation: subscriber && state.confirmation?.configId !== configId ? null : state.confirmation,
      };
    }
    case 'ConfigurationApplied': {
      const { configId, appliedAt: at } = event.data;
      return withReport(state, { configId, at, rejection: null });
    }
    case 'ConfigurationRejected': {
      const { configId, rejectedAt: at, statusCode, reasonPhrase } = event.data;
      const rejection = { statusCode, ...(reasonPhrase === undefined ? {} : { reasonPhrase }) };
      return withReport(state, { configId, at, rejection });
    }
    case 'StateReported': {
      const { changes, reportedAt: at } = event.data;
      return { ...state, reported: withChanges(state.reported, changes, (value) => ({ value, at })) };
    }
    case 'ObservationChanged':
      return { ...state, observe: event.data.observe };
    case 'ConfigurationEnded':
      return { ...state, ended: true };
  }
};

const NOT_REACHED = { subscriber: false, reachedAt: null } as const;

const withReport = (state: DeviceConfiguration, report: Report): DeviceConfiguration =>
  report.configId === state.configId ? { ...state, confirmation: report } : { ...state, strayReport: report };

const withChanges = <Entry, Change extends { readonly to?: JsonValue }>(
  entries: Readonly<Record<string, Entry>>,
  changes: Readonly<Record<string, Change>>,
  entryOf: (value: JsonValue, change: Change) => Entry,
): Readonly<Record<string, Entry>> => {
  const result = new Map(Object.entries(entries));
  for (const [key, change] of Object.entries(changes)) {
    if (change.to === undefined) result.delete(key);
    else result.set(key, entryOf(change.to, change));
  }
  return Object.fromEntries(result);
};

/** The stream `configuration-<deviceId>`. State version 2: `sentSinceChange`; 3: whose values, reoffers. */
export const deviceConfiguration = {
  name: 'configuration',
  stateVersion: 3,
  initial,
  evolve,
  decide,
  upcast,
} as const;
