import type { JsonObject, JsonValue } from '@muster/contracts';
import type { CredentialStatus } from '@muster/contracts/device-registry/credentials.requests';
import type { CredentialKind } from '@muster/contracts/device-registry/credential-input';
import type { DeviceInterface, DeviceStatus } from '@muster/contracts/device-registry/devices.requests';
import type { TokenStatus } from '@muster/contracts/device-registry/tokens.requests';
import type { StoredEvent } from '@muster/event-store';
import type { Validity } from '../validity.js';

export interface GeoPosition {
  readonly latitude: number;
  readonly longitude: number;
  readonly altitude?: number;
}

/** What has vouched for a device that nobody made by hand. */
export interface EnrolledBy {
  readonly kind: 'certificate-authority' | 'claim-key' | 'iot-hub';
  readonly id: string;
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
    /** Absent: `active`. */
    readonly status?: DeviceStatus;
    /** Absent: true, but for interface `http`. */
    readonly tokenOnly?: boolean;
    /** What it has enrolled by. Absent: an operator has made it. */
    readonly enrolledBy?: EnrolledBy;
    readonly provisionedAt: string;
  }
>;
export type DeviceRenamed = Change<'DeviceRenamed', string>;
export type DeviceMoved = Change<'DeviceMoved', string>;
export type DeviceRetagged = Change<'DeviceRetagged', readonly string[]>;
export type DeviceAppVersionChanged = Change<'DeviceAppVersionChanged', string>;
export type DeviceInterfaceChanged = Change<'DeviceInterfaceChanged', DeviceInterface>;
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
  { readonly tokenId: string; readonly hint: string; readonly issuedAt: string } & Validity
>;
export type EndpointTokenStatusChanged = Fact<
  'EndpointTokenStatusChanged',
  { readonly tokenId: string; readonly from: TokenStatus; readonly to: TokenStatus }
>;
export type EndpointTokenValidityChanged = Fact<
  'EndpointTokenValidityChanged',
  {
    readonly tokenId: string;
    readonly status: TokenStatus;
    readonly from: Validity;
    readonly to: Validity;
    readonly changedAt: string;
  }
>;
/** Its time has come. */
export type EndpointTokenBegan = Fact<
  'EndpointTokenBegan',
  { readonly tokenId: string; readonly status: TokenStatus } & Validity
>;
/** Its time is over. */
export type EndpointTokenExpired = Fact<
  'EndpointTokenExpired',
  { readonly tokenId: string; readonly status: TokenStatus } & Validity
>;
/** Of a revoked one: that it opens nothing was told before. */
export type EndpointTokenRemoved = Fact<'EndpointTokenRemoved', { readonly tokenId: string }>;
/** What can be issued besides tokens. */
export type IssuedKind = Exclude<CredentialKind, 'token'>;

/** What a credential is known by, none of it secret. */
export interface CredentialFacts {
  readonly username?: string;
  /** Of a certificate. */
  readonly sha256?: string;
  readonly subject?: string;
  readonly authorityId?: string;
}

/** Neither the secret nor its hash is in any event: see docs/adr/0005. */
export type CredentialIssued = Fact<
  'CredentialIssued',
  {
    readonly credentialId: string;
    readonly kind: IssuedKind;
    readonly issuedAt: string;
    /** Absent: `active`. */
    readonly status?: CredentialStatus;
  } & Validity &
    CredentialFacts
>;
export type CredentialStatusChanged = Fact<
  'CredentialStatusChanged',
  {
    readonly credentialId: string;
    readonly kind: IssuedKind;
    readonly from: CredentialStatus;
    readonly to: CredentialStatus;
    /** Whether it opens something after that. Absent: as its status says. */
    readonly opens?: boolean;
  }
>;
export type CredentialValidityChanged = Fact<
  'CredentialValidityChanged',
  {
    readonly credentialId: string;
    readonly kind: IssuedKind;
    readonly status: CredentialStatus;
    readonly from: Validity;
    readonly to: Validity;
    readonly changedAt: string;
  }
>;
/** Its time has come. */
export type CredentialBegan = Fact<
  'CredentialBegan',
  { readonly credentialId: string; readonly kind: IssuedKind; readonly status: CredentialStatus } & Validity
>;
/** Its time is over. */
export type CredentialExpired = Fact<
  'CredentialExpired',
  { readonly credentialId: string; readonly kind: IssuedKind; readonly status: CredentialStatus } & Validity
>;
/** Of a revoked one. */
export type CredentialRemoved = Fact<'CredentialRemoved', { readonly credentialId: string }>;
/** Approved, suspended, reactivated. */
export type DeviceStandingChanged = Change<'DeviceStandingChanged', DeviceStatus>;
export type DeviceTokenOnlyChanged = Change<'DeviceTokenOnlyChanged', boolean>;
export type DeviceDeleted = Fact<'DeviceDeleted', { readonly name: string }>;
/** After it was deleted: nothing of it is left with other services. Who wanted that is the actor. */
export type DeviceErased = Fact<'DeviceErased', { readonly erasedAt: string }>;

export type DeviceEvent =
  | DeviceProvisioned
  | DeviceRenamed
  | DeviceMoved
  | DeviceRetagged
  | DeviceAppVersionChanged
  | DeviceInterfaceChanged
  | DeviceSerialNumberChanged
  | DevicePositionChanged
  | DeviceParentChanged
  | DeviceMetadataChanged
  | EndpointTokenIssued
  | EndpointTokenStatusChanged
  | EndpointTokenValidityChanged
  | EndpointTokenBegan
  | EndpointTokenExpired
  | EndpointTokenRemoved
  | CredentialIssued
  | CredentialStatusChanged
  | CredentialValidityChanged
  | CredentialBegan
  | CredentialExpired
  | CredentialRemoved
  | DeviceStandingChanged
  | DeviceTokenOnlyChanged
  | DeviceDeleted
  | DeviceErased;

/** All events are of schema version 1: read as they are. */
export const upcast = (stored: StoredEvent): DeviceEvent => stored as DeviceEvent;
