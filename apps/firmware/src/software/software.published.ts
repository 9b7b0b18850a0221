import { softwareApplied, softwareOffered, softwareRejected } from '@muster/contracts/firmware/published';
import type { Published, RecordedEvent } from '@muster/event-store';
import type { SoftwareEvent } from './software.events.js';

/** What others are told of a stored event. `observe` is the adapters' matter, and the registry tells of the end. */
export const publishedOfSoftware = (event: RecordedEvent<SoftwareEvent>): readonly Published[] => {
  const { streamId: entityId, version } = event;
  const device = { deviceId: entityId, version, source: event.metadata.actor };
  switch (event.type) {
    case 'SoftwareOffered': {
      const { offeredAt: at, version: softwareVersion, ...data } = event.data;
      return [{ contract: softwareOffered, entityId, data: { ...device, at, softwareVersion, ...data } }];
    }
    case 'SoftwareApplied': {
      const { appliedAt: at, version: softwareVersion, ...data } = event.data;
      return [{ contract: softwareApplied, entityId, data: { ...device, at, softwareVersion, ...data } }];
    }
    case 'SoftwareRejected': {
      const { rejectedAt: at, version: softwareVersion, ...data } = event.data;
      return [{ contract: softwareRejected, entityId, data: { ...device, at, softwareVersion, ...data } }];
    }
    case 'SoftwareObservationChanged':
    case 'SoftwareEnded':
      return [];
  }
};
