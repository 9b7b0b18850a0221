import type { HubAuthentication, HubTier } from '@muster/contracts/iothub-adapter/hubs.requests';

/** What identities become that others make in a hub. */
export interface HubEnrolment {
  readonly enabled: boolean;
  /** Id. */
  readonly deviceType: string;
  /** Name. Absent: the type's newest when a device enrols. */
  readonly appVersion?: string;
  readonly folder?: string;
  readonly tags?: readonly string[];
  /** Absent: as many as come. */
  readonly limit?: number;
  readonly authentication: readonly HubAuthentication[];
}

/** Everything of a hub but its key. */
export interface HubSettings {
  readonly name: string;
  readonly hostName: string;
  readonly policy: string;
  /** Tells keys apart, and no more: the beginning of the SHA-256 of the key, which no event holds. */
  readonly keyFingerprint: string;
  readonly consumerGroup: string;
  readonly tier: HubTier;
  /** How many of that tier are paid for. */
  readonly units: number;
  /** Ids, in order. Empty: all that no other hub of the tenant names. */
  readonly deviceTypes: readonly string[];
  /** Absent and null: there is no rule. */
  readonly enrolment?: HubEnrolment | null;
}

export interface HubAdded {
  readonly type: 'HubAdded';
  readonly data: { readonly settings: HubSettings; readonly addedAt: string };
}

/** What is true from then on. */
export interface HubChanged {
  readonly type: 'HubChanged';
  readonly data: { readonly settings: HubSettings; readonly changedAt: string };
}

export interface HubRemoved {
  readonly type: 'HubRemoved';
  readonly data: { readonly name: string; readonly removedAt: string };
}

export type HubEvent = HubAdded | HubChanged | HubRemoved;
