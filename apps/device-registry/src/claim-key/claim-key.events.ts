import type { ClaimKeyStatus } from '@muster/contracts/device-registry/claim-keys.requests';
import type { StoredEvent } from '@muster/event-store';
import type { Validity } from '../validity.js';

export type ClaimKeyValidity = Validity & { readonly validUntil: string };

/** What devices become that enrol with it. */
export interface ClaimedDevice {
  readonly deviceTypeId: string;
  /** Name. Absent: the type's newest when a device enrols. */
  readonly appVersion?: string;
  readonly interface: 'mqtt' | 'http';
  readonly folder: string;
  readonly tags: readonly string[];
}

/** The key after the event: a published event tells the whole, and the relay sees one event at a time. */
export interface Summary {
  readonly name: string;
  readonly status: ClaimKeyStatus;
  readonly opens: boolean;
  readonly enrolled: number;
}

type Fact<Type extends string, Data extends object> = {
  readonly type: Type;
  readonly data: Data & { readonly summary: Summary };
};
type Change<Type extends string, Value> = Fact<Type, { readonly from: Value; readonly to: Value }>;

/** The key is in no event, nor its hash: see docs/adr/0005. */
export type ClaimKeyIssued = Fact<
  'ClaimKeyIssued',
  {
    readonly name: string;
    readonly hint: string;
    readonly device: ClaimedDevice;
    readonly limit: number;
    readonly validity: ClaimKeyValidity;
    readonly issuedAt: string;
  }
>;
export type ClaimKeyRenamed = Change<'ClaimKeyRenamed', string>;
export type ClaimKeyStatusChanged = Change<'ClaimKeyStatusChanged', ClaimKeyStatus>;
export type ClaimKeyLimitChanged = Change<'ClaimKeyLimitChanged', number>;
export type ClaimKeyValidityChanged = Change<'ClaimKeyValidityChanged', ClaimKeyValidity>;
/** Of the devices that enrol: the folder was renamed or moved. */
export type ClaimKeyFolderChanged = Change<'ClaimKeyFolderChanged', string>;
export type ClaimKeyEnrolledDevice = Fact<
  'ClaimKeyEnrolledDevice',
  { readonly deviceId: string; readonly name: string }
>;
export type ClaimKeyDeleted = { readonly type: 'ClaimKeyDeleted'; readonly data: { readonly name: string } };

export type ClaimKeyEvent =
  | ClaimKeyIssued
  | ClaimKeyRenamed
  | ClaimKeyStatusChanged
  | ClaimKeyLimitChanged
  | ClaimKeyValidityChanged
  | ClaimKeyFolderChanged
  | ClaimKeyEnrolledDevice
  | ClaimKeyDeleted;

/** All events are of schema version 1: read as they are. */
export const upcast = (stored: StoredEvent): ClaimKeyEvent => stored as ClaimKeyEvent;
