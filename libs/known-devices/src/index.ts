import type { MigrationClass } from '@muster/event-store';
import { KnownDevices1763600100001 } from '../migrations/0001-known-devices.js';

/** Give these to `migrateSchema`, between those of the event store and the service's own. */
export const knownDevicesMigrations: readonly MigrationClass[] = [KnownDevices1763600100001];

export { KnownDevices, type DeviceId } from './known-devices.js';
