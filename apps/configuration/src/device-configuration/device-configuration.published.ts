import {
  configurationApplied,
  configurationDispatched,
  configurationRejected,
  configurationReoffered,
  desiredConfigurationChanged,
  reportedStateChanged,
  type ValueChanges,
} from '@muster/contracts/configuration/published';
import { sameJson } from '@muster/contracts/same-json';
import type { Published, RecordedEvent } from '@muster/event-store';
import type { ConfigurationEvent, DesiredChanges } from './device-configuration.events.js';

/** What others are told of a stored event. `observe` is the adapters' matter, and the registry tells of the end. */
export const publishedOfConfiguration = (event: RecordedEvent<ConfigurationEvent>): readonly Published[] => {
  const entityId = event.streamId;
  const fact = { deviceId: entityId, version: event.version, source: event.metadata.actor };
  switch (event.type) {
    case 'DesiredConfigurationChanged': {
      const { changedAt: at, changes, configId, source, reason } = event.data;
      const told = changedValues(changes);
      // Whose value it is changes nothing for anybody but the operator.
      if (Object.keys(told).length === 0) return [];
      // Written out, without `...`, which costs a tenth of all that it takes to publish the event: bulks bring many.
      const { deviceId, version } = fact;
      const data = { deviceId, version, source, at, configId, reason, changes: told };
      return [{ contract: desiredConfigurationChanged, entityId, data }];
    }
    case 'ConfigurationReoffered': {
      const { reofferedAt: at, ...data } = event.data;
      return [{ contract: configurationReoffered, entityId, data: { ...fact, at, ...data } }];
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
      const { reportedAt: at, stated, ...data } = event.data;
      const how = stated === null ? {} : { stated };
      return [{ contract: reportedStateChanged, entityId, data: { ...fact, at, ...data, ...how } }];
    }
    case 'ObservationChanged':
    case 'ConfigurationEnded':
      return [];
  }
};

const changedValues = (changes: DesiredChanges): ValueChanges =>
  Object.fromEntries(
    Object.entries(changes)
      .filter(([, { from, to }]) => !sameJson(from, to))
      .map(([key, { from, to }]) => [
        key,
        { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) },
      ]),
  );
