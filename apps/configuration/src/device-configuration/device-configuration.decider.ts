import { AppError } from '@muster/contracts';
import {
  applyDefaults,
  changeDesired,
  reoffer,
  withDesiredChange,
  withReoffer,
  type ApplyDefaults,
  type ChangeDesired,
  type Reoffer,
} from '../desired/desired-decisions.js';
import {
  appliedBy,
  fetched,
  observation,
  recordDispatched,
  rejectedBy,
  reportState,
  withDispatch,
  withReport,
  withReportedState,
  type FetchDocument,
  type RecordDispatched,
  type ReportApplied,
  type ReportState,
} from '../reports/report-decisions.js';
import { initial, type DeviceConfiguration } from './configuration-state.js';
import { upcast, type ConfigurationEvent } from './device-configuration.events.js';

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

export const evolve = (before: DeviceConfiguration, event: ConfigurationEvent): DeviceConfiguration => {
  const state = { ...before, streamVersion: before.streamVersion + 1 };
  switch (event.type) {
    case 'DesiredConfigurationChanged':
      return withDesiredChange(state, event.data);
    case 'ConfigurationReoffered':
      return withReoffer(state, event.data);
    case 'ConfigurationDispatched':
      return withDispatch(state, event.data);
    case 'ConfigurationApplied': {
      const { configId, appliedAt: at } = event.data;
      return withReport(state, { configId, at, rejection: null });
    }
    case 'ConfigurationRejected': {
      const { configId, rejectedAt: at, statusCode, reasonPhrase } = event.data;
      const rejection = { statusCode, ...(reasonPhrase === undefined ? {} : { reasonPhrase }) };
      return withReport(state, { configId, at, rejection });
    }
    case 'StateReported':
      return withReportedState(state, event.data);
    case 'ObservationChanged':
      return { ...state, observe: event.data.observe };
    case 'ConfigurationEnded':
      return { ...state, ended: true };
  }
};

/**
 * The stream `configuration-<deviceId>`. State version 2: `sentSinceChange`; 3: whose values, reoffers; 4: the empty document;
 * 5: what the device stated itself, and whose wish it was that a key has no value; 6: `doubted`.
 */
export const deviceConfiguration = {
  name: 'configuration',
  stateVersion: 6,
  initial,
  evolve,
  decide,
  upcast,
} as const;
