import type { JsonObject } from '@muster/contracts';
import type { CredentialStatus } from '@muster/contracts/device-registry/credentials.requests';
import type { DeviceInterface, DeviceStatus } from '@muster/contracts/device-registry/devices.requests';
import type { TokenStatus } from '@muster/contracts/device-registry/tokens.requests';
import type { Phase, Validity } from '../validity.js';
import type { GeoPosition, IssuedKind } from './device.events.js';

export interface CredentialState extends Validity {
  readonly kind: IssuedKind;
  readonly status: CredentialStatus;
  /** As the events have told it. */
  readonly phase: Phase;
}

/** `phase`: as the events have told it. */
export type TokenTime = Validity & { readonly phase: Phase };

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
  /** Whether it is let in. */
  readonly standing: DeviceStatus;
  /** Whether its endpoint token is enough. */
  readonly tokenOnly: boolean;
  /** Status by the token's id. */
  readonly tokens: Readonly<Record<string, TokenStatus>>;
  /** By the token's id, of those whose time is limited. Absent: of none, as before there were such. */
  readonly tokenTimes?: Readonly<Record<string, TokenTime>>;
  /** By id. */
  readonly credentials: Readonly<Record<string, CredentialState>>;
}

export type Device =
  | ExistingDevice
  | { readonly status: 'none' }
  | {
      readonly status: 'deleted';
      readonly name: string;
      readonly isErased?: boolean;
    };
