import type { JsonObject, JsonValue } from '@muster/contracts';
import type { DeviceInterface } from '@muster/contracts/device-registry/devices.requests';
import { assertAcceptable, assertWithinLimits, storable } from '../desired/acceptable-values.js';
import { sameJson } from '../device-configuration/config-id.js';
import type {
  DeviceConfiguration,
  FetchDocument,
  RecordDispatched,
  Report,
  ReportApplied,
  ReportState,
} from '../device-configuration/device-configuration.decider.js';
import type {
  ConfigurationEvent,
  StateReported,
  StoredChanges,
} from '../device-configuration/device-configuration.events.js';
import { documentOf, reportedStateOf } from '../device-configuration/documents.js';
import { mergePatch } from '../desired/merge-patch.js';

// What adapters and devices report: the half of the decider that no operator has a hand in.

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
  return dispatch(command, state);
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
      data: { changes, configId: state.configId, interface: report.interface, reportedAt: report.at },
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
  const changes = differences(before, after);
  if (Object.keys(changes).length === 0) return [];
  assertWithinLimits(after, command.limits, 'reported', Object.keys(changes));
  return [
    {
      type: 'StateReported',
      data: { changes, configId: state.configId, interface: command.interface, reportedAt: command.at },
    },
  ];
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
