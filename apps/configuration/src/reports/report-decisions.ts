import type { JsonObject, JsonValue } from '@muster/contracts';
import { sameJson } from '@muster/contracts/same-json';
import type { DeviceInterface } from '@muster/contracts/device-registry/devices.requests';
import { assertAcceptable, assertWithinLimits, storable, type Limits } from '../desired/acceptable-values.js';
import { mergePatch } from '../desired/merge-patch.js';
import {
  withChanges,
  type DeviceConfiguration,
  type Report,
} from '../device-configuration/configuration-state.js';
import type {
  ConfigurationDispatched,
  ConfigurationEvent,
  StateReported,
  StoredChanges,
} from '../device-configuration/device-configuration.events.js';
import { documentOf, reportedStateOf } from '../device-configuration/documents.js';
import { isRefused } from '../device-configuration/sync-state.js';

// What adapters and devices report: the half of the decider that no operator has a hand in.

/** The device asks for its document, and gets it unless `configId` names it or the device refused it. */
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

export const observation = (
  command: FetchDocument,
  state: DeviceConfiguration,
): readonly ConfigurationEvent[] =>
  command.observe === undefined || command.observe === state.observe
    ? []
    : [
        {
          type: 'ObservationChanged',
          data: { observe: command.observe, interface: command.interface, changedAt: command.at },
        },
      ];

export const fetched = (
  command: FetchDocument,
  state: DeviceConfiguration,
): readonly ConfigurationEvent[] => {
  // A device that was never configured has nothing to be dispatched to it or applied by it, however often it asks.
  if (state.version === 0) return [];
  // It has said no. That it still knows which document that was does not make it a yes.
  if (isRefused(state)) return [];
  if (command.configId === state.configId) {
    return appliedBy({ ...command, configId: command.configId, implicit: true }, state);
  }
  return dispatch({ ...command, configId: state.configId, subscriber: true }, state);
};

export const recordDispatched = (
  command: RecordDispatched,
  state: DeviceConfiguration,
): readonly ConfigurationEvent[] => {
  const last = state.dispatched;
  // Reports of several adapters may come out of order, and again. One that is older than what is known already says
  // nothing about what the device has now; taken for news it would undo a confirmation.
  if (last !== null && command.at < last.at) return [];
  return [...dispatch(command, state), ...saidSince(command, state)];
};

/**
 * The device has spoken of its document before this was known to be on the wire, and what was known to be there meanwhile was
 * an older one, which took its word back. It was sent this one after that, and has said what it will say of it: nothing more
 * would come.
 */
const saidSince = (
  { configId, subscriber, interface: by, at }: RecordDispatched,
  { doubted }: DeviceConfiguration,
): readonly ConfigurationEvent[] => {
  if (!subscriber || doubted === null || doubted.configId !== configId || doubted.at < at) return [];
  const { rejection } = doubted;
  if (rejection === null) {
    const data = { configId, interface: by, implicit: false, appliedAt: doubted.at };
    return [{ type: 'ConfigurationApplied', data }];
  }
  return [
    {
      type: 'ConfigurationRejected',
      data: { configId, interface: by, ...rejection, rejectedAt: doubted.at },
    },
  ];
};

const dispatch = (
  command: Pick<RecordDispatched, 'interface' | 'configId' | 'subscriber' | 'at'>,
  state: DeviceConfiguration,
): readonly ConfigurationEvent[] => {
  const last = state.dispatched;
  if (last !== null && last.configId === command.configId && last.subscriber === command.subscriber)
    return [];
  return [
    {
      type: 'ConfigurationDispatched',
      data: {
        configId: storable(command.configId),
        interface: command.interface,
        subscriber: command.subscriber,
        dispatchedAt: command.at,
      },
    },
  ];
};

interface Applied {
  readonly interface: DeviceInterface;
  readonly configId: string;
  readonly implicit: boolean;
  readonly at: string;
}

export const appliedBy = (report: Applied, state: DeviceConfiguration): readonly ConfigurationEvent[] => {
  const configId = storable(report.configId);
  const known = knownReport(configId, state);
  // Said again, it says nothing of the values now: what the device reported of them since is newer.
  if (known !== null && known.rejection === null) return [];
  const reported = configId === state.configId ? reportedBy(report, state) : [];
  return [
    {
      type: 'ConfigurationApplied',
      data: { configId, interface: report.interface, implicit: report.implicit, appliedAt: report.at },
    },
    ...reported,
  ];
};

/** Who applied the current document reports exactly its values. What an older document held is not known here. */
const reportedBy = (report: Applied, state: DeviceConfiguration): readonly StateReported[] => {
  const changes = differences(reportedStateOf(state), documentOf(state));
  if (Object.keys(changes).length === 0) return [];
  return [
    {
      type: 'StateReported',
      schemaVersion: 2,
      data: {
        changes,
        stated: false,
        configId: state.configId,
        interface: report.interface,
        reportedAt: report.at,
      },
    },
  ];
};

export const reportState = (
  command: ReportState,
  state: DeviceConfiguration,
): readonly ConfigurationEvent[] => {
  assertAcceptable(command.reported, 'reported');
  const before = reportedStateOf(state);
  const after = mergePatch(before, command.reported) as JsonObject; // a patch that is an object yields one
  const changes = { ...statedAgain(command.reported, state), ...differences(before, after) };
  if (Object.keys(changes).length === 0) return [];
  assertWithinLimits(after, command.limits, 'reported', Object.keys(changes));
  return [
    {
      type: 'StateReported',
      schemaVersion: 2,
      data: {
        changes,
        stated: true,
        configId: state.configId,
        interface: command.interface,
        reportedAt: command.at,
      },
    },
  ];
};

/**
 * What it said before is news once after it was sent a document: only so is known that a device which has restarted into
 * what it was sent is as it was expected to be. Later repetitions say nothing, and leave no event.
 */
const statedAgain = (reported: JsonObject, state: DeviceConfiguration): StoredChanges => {
  const { dispatched } = state;
  if (dispatched?.subscriber !== true) return {};
  const again = Object.keys(reported).flatMap((key) => {
    const known = Object.hasOwn(state.reported, key) ? state.reported[key] : undefined;
    return known === undefined || (known.statedAt ?? '') >= dispatched.at
      ? []
      : [[key, { from: known.value, to: known.value }] as const];
  });
  return Object.fromEntries(again);
};

export const rejectedBy = (
  command: ReportApplied,
  state: DeviceConfiguration,
): readonly ConfigurationEvent[] => {
  const configId = storable(command.configId);
  const reasonPhrase = command.reasonPhrase === undefined ? undefined : storable(command.reasonPhrase);
  const known = knownReport(configId, state)?.rejection;
  if (known?.statusCode === command.statusCode && known.reasonPhrase === reasonPhrase) return [];
  return [
    {
      type: 'ConfigurationRejected',
      data: {
        configId,
        interface: command.interface,
        statusCode: command.statusCode,
        ...(reasonPhrase === undefined ? {} : { reasonPhrase }),
        rejectedAt: command.at,
      },
    },
  ];
};

/** What the device said last of this document, as far as that still holds. */
const knownReport = (configId: string, state: DeviceConfiguration): Report | null => {
  const known = configId === state.configId ? state.confirmation : state.strayReport;
  return known?.configId === configId ? known : null;
};

const differences = (before: JsonObject, after: JsonObject): StoredChanges => {
  const from = new Map(Object.entries(before));
  const to = new Map(Object.entries(after));
  const changed = [...new Set([...from.keys(), ...to.keys()])].filter(
    (key) => !sameJson(from.get(key), to.get(key)),
  );
  return Object.fromEntries(
    changed.map((key) => [key, { ...side('from', from.get(key)), ...side('to', to.get(key)) }]),
  );
};

const side = (name: 'from' | 'to', value: JsonValue | undefined): { from?: JsonValue; to?: JsonValue } =>
  value === undefined ? {} : { [name]: value };

export const withDispatch = (
  state: DeviceConfiguration,
  { configId, subscriber, dispatchedAt: at }: ConfigurationDispatched['data'],
): DeviceConfiguration => {
  const { confirmation } = state;
  const reachedAt = state.dispatched?.configId === configId ? state.dispatched.reachedAt : null;
  // A device that was sent another document may have applied it: that it once confirmed this one proves nothing now.
  const takenBack = subscriber && confirmation !== null && confirmation.configId !== configId;
  return {
    ...state,
    dispatched: { configId, subscriber, at, reachedAt: reachedAt ?? (subscriber ? at : null) },
    // A late one that carried an older document has taken the place of what was sent before.
    sentSinceChange: subscriber ? configId === state.configId : state.sentSinceChange,
    confirmation: takenBack ? null : confirmation,
    doubted: takenBack && confirmation.configId === state.configId ? confirmation : state.doubted,
  };
};

export const withReport = (state: DeviceConfiguration, report: Report): DeviceConfiguration =>
  report.configId === state.configId
    ? { ...state, confirmation: report, doubted: null }
    : { ...state, strayReport: report };

export const withReportedState = (
  state: DeviceConfiguration,
  { changes, stated, reportedAt: at }: StateReported['data'],
): DeviceConfiguration => {
  // Of an event that does not say: what came with a confirmation, in the same moment, the device has not stated itself.
  const isStated = stated ?? !(state.confirmation?.rejection === null && state.confirmation.at === at);
  return {
    ...state,
    reported: withChanges(state.reported, changes, (value, { from }, known) => {
      const since = known !== undefined && sameJson(from, value) ? known.at : at;
      const statedAt = isStated ? at : known?.statedAt;
      return { value, at: since, ...(statedAt === undefined ? {} : { statedAt }) };
    }),
  };
};
