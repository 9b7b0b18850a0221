import type { MigrationClass } from '@muster/event-store';
import { KnownDevices1763600100001 } from '../migrations/0001-known-devices.js';
import { KnownDeviceKinds1763600100002 } from '../migrations/0002-kinds.js';
import { KnownDeviceFacts1763600100003 } from '../migrations/0003-facts.js';
import { KnownDeviceInterfaces1764420100004 } from '../migrations/0004-interface-versions.js';

/** Give these to `migrateSchema`, between those of the event store and the service's own. */
export const knownDevicesMigrations: readonly MigrationClass[] = [
  KnownDevices1763600100001,
  KnownDeviceKinds1763600100002,
  KnownDeviceFacts1763600100003,
  KnownDeviceInterfaces1764420100004,
];

export { KnownDevices } from './known-devices.js';
export {
  changeIn,
  factsIn,
  type DeviceChange,
  type DeviceFacts,
  type DeviceId,
  type DeviceKind,
  type Fact,
  type Facts,
} from './device-facts.js';
