import type { JsonValue } from '@muster/contracts';
import { INTERFACES, type DeviceInterface } from '@muster/contracts/device-registry/devices.requests';
import type { DeviceChanged, DeviceProvisioned } from '@muster/contracts/device-registry/published';
import type { Delivered } from '@muster/messaging';

export interface DeviceId {
  readonly tenantId: string;
  readonly deviceId: string;
}

/** What is known of a device. All but `deviceTypeId`, which stays as it is, may change. */
export interface Facts {
  readonly deviceTypeId: string;
  readonly interface: DeviceInterface;
  /** Name. */
  readonly appVersion: string;
  readonly name: string;
  readonly tags: readonly string[];
  readonly folder: string;
}

export type Fact = keyof Facts;

/** What decides which defaults and rules a device has, and what of a document it can hold. */
export type DeviceKind = DeviceId & Pick<Facts, 'deviceTypeId' | 'appVersion' | 'interface'>;

/** What the registry told of a device. `version` is the registry's: older facts never replace newer ones. */
export interface DeviceFacts extends DeviceId, Facts {
  readonly version: number;
}

/** Some of it, of a device that need not be known yet. */
export type DeviceChange = Partial<Facts> & DeviceId & { readonly version: number };

export const factsIn = ({ tenantId, data }: Delivered<DeviceProvisioned>): DeviceFacts => ({
  tenantId,
  deviceId: data.deviceId,
  deviceTypeId: data.deviceTypeId,
  interface: data.interface,
  appVersion: data.appVersion,
  name: data.name,
  tags: data.tags,
  folder: data.folder,
  version: data.version,
});

/** None when something else of the device changed. */
export const changeIn = ({ tenantId, data }: Delivered<DeviceChanged>): DeviceChange[] => {
  const { deviceId, version, changes } = data;
  const told = {
    appVersion: textIn(changes['appVersion']?.to),
    name: textIn(changes['name']?.to),
    tags: textsIn(changes['tags']?.to),
    folder: textIn(changes['folder']?.to),
    interface: interfaceIn(changes['interface']?.to),
  };
  const isAny = Object.values(told).some((value) => value !== undefined);
  return isAny ? [{ tenantId, deviceId, version, ...told }] : [];
};

const interfaceIn = (value: JsonValue | undefined): DeviceInterface | undefined =>
  INTERFACES.find((one) => one === value);

const textIn = (value: JsonValue | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;

const textsIn = (value: JsonValue | undefined): string[] | undefined =>
  Array.isArray(value) ? value.filter((item) => typeof item === 'string') : undefined;
