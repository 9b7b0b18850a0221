import { deviceTypeChanged, deviceTypeDeleted } from '@muster/contracts/device-registry/published';
import type { Published, RecordedEvent } from '@muster/event-store';
import type { DeviceTypeEvent, Summary } from './device-type.events.js';

/** What others are told of a stored event. Pure; the relay publishes it at least once. */
export const publishedOfDeviceType = (event: RecordedEvent<DeviceTypeEvent>): readonly Published[] => {
  const fact = {
    deviceTypeId: event.streamId,
    version: event.version,
    at: event.recordedAt,
    actor: event.metadata.actor,
  };
  const changed = ({ name, appVersions, settings }: Summary): readonly Published[] => [
    {
      contract: deviceTypeChanged,
      entityId: event.streamId,
      data: { ...fact, name, appVersions: [...appVersions], settings },
    },
  ];
  switch (event.type) {
    case 'DeviceTypeCreated': {
      const { name, appVersions, settings } = event.data;
      return changed({ name, appVersions: appVersions.map((one) => one.name), settings });
    }
    case 'DeviceTypeRenamed':
    case 'DeviceTypeDescribed':
    case 'DeviceTypeSettingsChanged':
    case 'AppVersionAdded':
    case 'AppVersionRemoved':
      return changed(event.data.summary);
    case 'DeviceTypeDeleted':
      return [{ contract: deviceTypeDeleted, entityId: event.streamId, data: fact }];
  }
};
