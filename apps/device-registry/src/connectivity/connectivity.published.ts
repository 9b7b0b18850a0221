import { deviceConnected, deviceDisconnected } from '@muster/contracts/device-registry/published';
import type { Published, RecordedEvent } from '@muster/event-store';

/** What others are told of an announcement about connectivity. */
export const publishedOfConnectivity = (event: RecordedEvent): readonly Published[] => {
  // What record-connectivity announces.
  const { at } = event.data as { readonly at: string };
  const contract = event.type === 'DeviceConnected' ? deviceConnected : deviceDisconnected;
  const { streamId: deviceId, version } = event;
  return [{ contract, entityId: deviceId, data: { deviceId, version, at } }];
};
