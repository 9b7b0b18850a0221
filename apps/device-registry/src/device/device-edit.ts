import type { DeviceInterface, DeviceStatus } from '@muster/contracts/device-registry/devices.requests';
import type { GeoPosition } from './device.events.js';

/** An application version by name, with the type that has it; undefined: no type has one of that name. */
export interface KnownAppVersion {
  readonly name: string;
  readonly deviceTypeId: string | undefined;
}

/** Absent fields stay. */
export interface EditDevice {
  readonly type: 'EditDevice';
  readonly name?: string | undefined;
  readonly appVersion?: KnownAppVersion | undefined;
  /** One that the installation serves. */
  readonly interface?: DeviceInterface | undefined;
  readonly folder?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly serialNumber?: string | null | undefined;
  readonly position?: GeoPosition | null | undefined;
  /** Of a device that there is and that is not behind this one: the tables know. */
  readonly parentId?: string | null | undefined;
  readonly status?: Exclude<DeviceStatus, 'pending'> | undefined;
  readonly tokenOnly?: boolean | undefined;
}

/** Its folder, or one above that, is another one; a device that is elsewhere by now stays there. */
export interface FollowFolder {
  readonly type: 'FollowFolder';
  readonly from: string;
  readonly to: string;
}
