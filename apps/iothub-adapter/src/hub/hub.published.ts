import { hubAdded, hubChanged, hubRemoved } from '@muster/contracts/iothub-adapter/published';
import type { Published, RecordedEvent } from '@muster/event-store';
import type { HubEvent, HubSettings } from './hub.events.js';

/** What others are told of a stored event. Pure; the relay publishes it at least once. */
export const publishedOfHub = (event: RecordedEvent<HubEvent>): readonly Published[] => {
  const { streamId: entityId } = event;
  const fact = {
    hubId: entityId,
    version: event.version,
    at: event.recordedAt,
    actor: event.metadata.actor,
  };
  switch (event.type) {
    case 'HubAdded':
      return [{ contract: hubAdded, entityId, data: { ...fact, ...toldOf(event.data.settings) } }];
    case 'HubChanged':
      return [{ contract: hubChanged, entityId, data: { ...fact, ...toldOf(event.data.settings) } }];
    case 'HubRemoved':
      return [{ contract: hubRemoved, entityId, data: fact }];
  }
};

const toldOf = ({ name, hostName, keyFingerprint, deviceTypes }: HubSettings) => ({
  name,
  hostName,
  keyFingerprint,
  deviceTypes: [...deviceTypes],
});
