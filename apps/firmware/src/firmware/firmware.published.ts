import { firmwareChanged, firmwareDeleted, firmwareRegistered } from '@muster/contracts/firmware/published';
import type { Published, RecordedEvent } from '@muster/event-store';
import type { FirmwareEvent, StoredRollout } from './firmware.events.js';

/** What others are told of a stored event. */
export const publishedOfFirmware = (event: RecordedEvent<FirmwareEvent>): readonly Published[] => {
  const { streamId: entityId, version } = event;
  const { firmwareTypeId, deviceTypeId, version: firmwareVersion } = event.data;
  const fact = (at: string) => ({
    firmwareId: entityId,
    version,
    at,
    actor: event.metadata.actor,
    firmwareTypeId,
    deviceTypeId,
    firmwareVersion,
  });
  const changed = (at: string, change: object) => [
    { contract: firmwareChanged, entityId, data: { ...fact(at), ...change } },
  ];
  switch (event.type) {
    case 'FirmwareRegistered': {
      const { size, sha256, upgradableFrom, registeredAt } = event.data;
      const rollout: StoredRollout = { strategy: 'suspended' };
      const data = { ...fact(registeredAt), size, sha256, upgradableFrom, rollout };
      return [{ contract: firmwareRegistered, entityId, data }];
    }
    case 'FirmwareDescribed':
      return changed(event.data.changedAt, { description: event.data.description });
    case 'UpgradePathChanged':
      return changed(event.data.changedAt, { upgradableFrom: event.data.upgradableFrom });
    case 'RolloutChanged':
      return changed(event.data.changedAt, { rollout: event.data.rollout });
    case 'FirmwareDeleted':
      return [{ contract: firmwareDeleted, entityId, data: fact(event.data.deletedAt) }];
  }
};
