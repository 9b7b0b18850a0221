import {
  configurationApplied,
  configurationDispatched,
  configurationRejected,
  desiredConfigurationChanged,
  reportedStateChanged,
} from '@muster/contracts';
import type { Published, RecordedEvent } from '@muster/event-store';
import type { ConfigurationEvent } from './device-configuration.events.js';

/** What others are told of a stored event. `observe` is the adapters' matter, and the registry tells of the end. */
export const publishedOf = (recorded: RecordedEvent): readonly Published[] => {
  const event = recorded as RecordedEvent<ConfigurationEvent>; // the only aggregate of this service
  const entityId = recorded.streamId;
  const fact = { deviceId: entityId, version: recorded.version, source: recorded.metadata.actor };
  switch (event.type) {
    case 'DesiredConfigurationChanged': {
      const { changedAt: at, ...data } = event.data;
      return [{ contract: desiredConfigurationChanged, entityId, data: { ...fact, at, ...data } }];
    }
    case 'ConfigurationDispatched': {
      const { dispatchedAt: at, ...data } = event.data;
      return [{ contract: configurationDispatched, entityId, data: { ...fact, at, ...data } }];
    }
    case 'ConfigurationApplied': {
      const { appliedAt: at, ...data } = event.data;
      return [{ contract: configurationApplied, entityId, data: { ...fact, at, ...data } }];
    }
    case 'ConfigurationRejected': {
      const { rejectedAt: at, ...data } = event.data;
      return [{ contract: configurationRejected, entityId, data: { ...fact, at, ...data } }];
    }
    case 'StateReported': {
      const { reportedAt: at, ...data } = event.data;
      return [{ contract: reportedStateChanged, entityId, data: { ...fact, at, ...data } }];
    }
    case 'ObservationChanged':
    case 'ConfigurationEnded':
      return [];
  }
};
