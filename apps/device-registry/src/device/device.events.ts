import type { JsonObject, JsonValue } from '@muster/contracts';
import type { CredentialStatus } from '@muster/contracts/device-registry/credentials.requests';
import type { DeviceInterface } from '@muster/contracts/device-registry/devices.requests';
import type { TokenStatus } from '@muster/contracts/device-registry/tokens.requests';
import type { StoredEvent } from '@muster/event-store';

export interface GeoPosition {
  readonly latitude: number;
  readonly longitude: number;
  readonly altitude?: number;
}

type Fact<Type extends string, Data extends object> = { readonly type: Type; readonly data: Data };
type Change<Type extends string, Value> = Fact<Type, { readonly from: Value; readonly to: Value }>;

export type DeviceProvisioned = Fact<
  'DeviceProvisioned',
  {
    readonly name: string;
    readonly deviceTypeId: string;
    /** The type's name at that time. */
    readonly deviceType: string;
    readonly appVersion: string;
    readonly interface: DeviceInterface;
    readonly folder: string;
    readonly tags: readonly string[];
    readonly metadata: JsonObject;
    readonly serialNumber?: string;
    readonly position?: GeoPosition;
    readonly parentId?: string;
    readonly provisionedAt: string;
  }
>;
export type DeviceRenamed = Change<'DeviceRenamed', string>;
export type DeviceMoved = Change<'DeviceMoved', string>;
export type DeviceRetagged = Change<'DeviceRetagged', readonly string[]>;
export type DeviceAppVersionChanged = Change<'DeviceAppVersionChanged', string>;
/** Null: none. */
export type DeviceSerialNumberChanged = Change<'DeviceSerialNumberChanged', string | null>;
/** Null: none. */
export type DevicePositionChanged = Change<'DevicePositionChanged', GeoPosition | null>;
/** Null: none. */
export type DeviceParentChanged = Change<'DeviceParentChanged', string | null>;
/** Per key; an absent side means that there was, or is, no value. Null is a value, which only devices write. */
export type DeviceMetadataChanged = Fact<
  'DeviceMetadataChanged',
  { readonly changes: Readonly<Record<string, { readonly from?: JsonValue; readonly to?: JsonValue }>> }
>;
/** The text of the token is in no event: see docs/adr/0005. */
export type EndpointTokenIssued = Fact<
  'EndpointTokenIssued',
  { readonly tokenId: string; readonly hint: string; readonly issuedAt: string }
>;
export type EndpointTokenStatusChanged = Fact<
  'EndpointTokenStatusChanged',
  { readonly tokenId: string; readonly from: TokenStatus; readonly to: TokenStatus }
>;
/** Of a revoked one: that it opens nothing was told before. */
export type EndpointTokenRemoved = Fact<'EndpointTokenRemoved', { readonly tokenId: string }>;
/** Neither the secret nor its hash is in any event: see docs/adr/0005. */
export type CredentialIssued = Fact<
  'CredentialIssued',
  { readonly credentialId: string; readonly kind: 'secret'; readonly issuedAt: string }
>;
export type CredentialStatusChanged = Fact<
  'CredentialStatusChanged',
  {
    readonly credentialId: string;
    readonly kind: 'secret';
    readonly from: CredentialStatus;
    readonly to: CredentialStatus;
  }
>;
/** Of a revoked one. */
export type CredentialRemoved = Fact<'CredentialRemoved', { readonly credentialId: string }>;
export type DeviceDeleted = Fact<'DeviceDeleted', { readonly name: string }>;
/** After it was deleted: nothing of it is left with other services. Who wanted that is the actor. */
export type DeviceErased = Fact<'DeviceErased', { readonly erasedAt: string }>;

export type DeviceEvent =
  | DeviceProvisioned
  | DeviceRenamed
  | DeviceMoved
  | DeviceRetagged
  | DeviceAppVersionChanged
  | DeviceSerialNumberChanged
  | DevicePositionChanged
  | DeviceParentChanged
  | DeviceMetadataChanged
  | EndpointTokenIssued
  | EndpointTokenStatusChanged
  | EndpointTokenRemoved
  | CredentialIssued
  | CredentialStatusChanged
  | CredentialRemoved
  | DeviceDeleted
  | DeviceErased;

/** All events are of schema version 1: read as they are. */
export const upcast = (stored: StoredEvent): DeviceEvent => stored as DeviceEvent;
