import type { JsonObject } from '@muster/contracts';
import type { CredentialStatus } from '@muster/contracts/device-registry/credentials.requests';
import type { DeviceInterface } from '@muster/contracts/device-registry/devices.requests';
import type { TokenStatus } from '@muster/contracts/device-registry/tokens.requests';
import type { GeoPosition } from './device.events.js';

/** Survives JSON: it is stored beside the stream. */
export interface ExistingDevice {
  readonly status: 'existing';
  readonly name: string;
  readonly deviceTypeId: string;
  readonly appVersion: string;
  readonly interface: DeviceInterface;
  readonly folder: string;
  readonly tags: readonly string[];
  readonly metadata: JsonObject;
  readonly serialNumber: string | null;
  readonly position: GeoPosition | null;
  /** The last one it was given: when that one is deleted, the list of devices alone forgets it. */
  readonly parentId: string | null;
  /** Status by the token's id. */
  readonly tokens: Readonly<Record<string, TokenStatus>>;
  /** Status of the secrets by id. */
  readonly secrets: Readonly<Record<string, CredentialStatus>>;
}

export type Device =
  | ExistingDevice
  | { readonly status: 'none' }
  | {
      readonly status: 'deleted';
      readonly name: string;
      readonly isErased?: boolean;
    };
