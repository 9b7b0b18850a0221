import {
  firmwareChanged,
  firmwareDeleted,
  firmwareRegistered,
  softwareApplied,
  softwareOffered,
  softwareRejected,
  uploadStored,
} from '@muster/contracts/firmware/published';
import type { Published, RecordedEvent } from '@muster/event-store';
import type { FirmwareTypeEvent } from './firmware-type/firmware-type.events.js';
import type { FirmwareEvent, FirmwareIdentity, StoredRollout } from './firmware/firmware.events.js';
import type { SoftwareEvent } from './software/software.events.js';
import type { UploadEvent } from './upload/upload.events.js';

type StoredEvent = FirmwareTypeEvent | FirmwareEvent | SoftwareEvent | UploadEvent;

/** What others are told of a stored event. `observe` is the adapters' matter, and the registry tells of the end. */
export const publishedOf = (recorded: RecordedEvent): readonly Published[] => {
  const event = recorded as RecordedEvent<StoredEvent>; // the aggregates of this service have no others
  const { streamId: entityId, version } = recorded;
  const { actor } = recorded.metadata;
  const firmware = (of: FirmwareIdentity, at: string) => ({
    firmwareId: entityId,
    version,
    at,
    actor,
    firmwareTypeId: of.firmwareTypeId,
    deviceTypeId: of.deviceTypeId,
    firmwareVersion: of.version,
  });
  const changed = (of: FirmwareIdentity, at: string, change: object) => [
    { contract: firmwareChanged, entityId, data: { ...firmware(of, at), ...change } },
  ];
  const device = { deviceId: entityId, version, source: actor };

  switch (event.type) {
    case 'FirmwareTypeCreated':
      return [];
    case 'FirmwareRegistered': {
      const { size, sha256, upgradableFrom, registeredAt } = event.data;
      const rollout: StoredRollout = { strategy: 'suspended' };
      const data = { ...firmware(event.data, registeredAt), size, sha256, upgradableFrom, rollout };
      return [{ contract: firmwareRegistered, entityId, data }];
    }
    case 'FirmwareDescribed':
      return changed(event.data, event.data.changedAt, { description: event.data.description });
    case 'UpgradePathChanged':
      return changed(event.data, event.data.changedAt, { upgradableFrom: event.data.upgradableFrom });
    case 'RolloutChanged':
      return changed(event.data, event.data.changedAt, { rollout: event.data.rollout });
    case 'FirmwareDeleted':
      return [{ contract: firmwareDeleted, entityId, data: firmware(event.data, event.data.deletedAt) }];
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
    case 'UploadStored': {
      const { deviceId, name, size, sha256, storedAt: at } = event.data;
      const data = { uploadId: entityId, version, at, source: actor, deviceId, name, size, sha256 };
      return [{ contract: uploadStored, entityId, data }];
    }
    case 'SoftwareObservationChanged':
    case 'SoftwareEnded':
    case 'UploadRemoved':
      return [];
  }
};
