import { deviceConnected, deviceDisconnected } from '@muster/contracts/device-registry/published';
import type { EndReason } from '@muster/contracts/device-registry/connectivity.requests';
import type { Published, RecordedEvent } from '@muster/event-store';

/** What `saveTurns` announces. */
interface Announced {
  readonly at: string;
  readonly since?: string;
  readonly clientId?: string;
  readonly reason?: EndReason;
}

/** What others are told of an announcement about connectivity. */
export const publishedOfConnectivity = (event: RecordedEvent): readonly Published[] => {
  const told = event.data as unknown as Announced;
  const contract = event.type === 'DeviceConnected' ? deviceConnected : deviceDisconnected;
  const { streamId: deviceId, version } = event;
  return [{ contract, entityId: deviceId, data: { deviceId, version, ...told } }];
};
