import type { MigrationClass } from '@muster/event-store';
import { KnownDevices1763600100001 } from '../migrations/0001-known-devices.js';
import { KnownDeviceKinds1763600100002 } from '../migrations/0002-kinds.js';

/** Give these to `migrateSchema`, between those of the event store and the service's own. */
export const knownDevicesMigrations: readonly MigrationClass[] = [
  KnownDevices1763600100001,
  KnownDeviceKinds1763600100002,
];

export {
  KnownDevices,
  type AppVersionChange,
  type DeviceFacts,
  type DeviceId,
  type DeviceKind,
} from './known-devices.js';
