import type { StoredEvent } from '@muster/event-store';

export interface AppVersion {
  readonly id: string;
  readonly name: string;
}

/** What is absent has its default. */
export interface Settings {
  readonly plainTelemetry?: boolean;
  readonly httpTokenOnly?: boolean;
  readonly deliverWithoutSubscribe?: boolean;
  readonly enrolmentNeedsApproval?: boolean;
  readonly timestampPath?: string;
  readonly timestampUnit?: 'milliseconds' | 'seconds';
  readonly unsetClock?: 'refuse' | 'skip' | 'arrival';
  readonly metadataKeys?: Readonly<Record<string, MetadataKeyRule>>;
  readonly undeclaredMetadataKeys?: MetadataKeyRule;
}

interface MetadataKeyRule {
  readonly readable?: boolean;
  readonly writable?: boolean;
}

/** The type after the event: a published event tells the whole, and the relay sees one event at a time. */
export interface Summary {
  readonly name: string;
  readonly appVersions: readonly string[];
  readonly settings: Settings;
}

export type DeviceTypeCreated = {
  readonly type: 'DeviceTypeCreated';
  readonly data: {
    readonly name: string;
    readonly description?: string;
    readonly appVersions: readonly AppVersion[];
    readonly settings: Settings;
    readonly createdAt: string;
  };
};
export type DeviceTypeRenamed = {
  readonly type: 'DeviceTypeRenamed';
  readonly data: { readonly from: string; readonly to: string; readonly summary: Summary };
};
/** Null: no description. */
export type DeviceTypeDescribed = {
  readonly type: 'DeviceTypeDescribed';
  readonly data: { readonly from: string | null; readonly to: string | null; readonly summary: Summary };
};
export type DeviceTypeSettingsChanged = {
  readonly type: 'DeviceTypeSettingsChanged';
  readonly data: { readonly from: Settings; readonly to: Settings; readonly summary: Summary };
};
export type AppVersionAdded = {
  readonly type: 'AppVersionAdded';
  readonly data: { readonly appVersion: AppVersion; readonly nth: number; readonly summary: Summary };
};
export type AppVersionRemoved = {
  readonly type: 'AppVersionRemoved';
  readonly data: { readonly appVersion: AppVersion; readonly summary: Summary };
};
export type DeviceTypeDeleted = {
  readonly type: 'DeviceTypeDeleted';
  readonly data: { readonly name: string };
};

export type DeviceTypeEvent =
  | DeviceTypeCreated
  | DeviceTypeRenamed
  | DeviceTypeDescribed
  | DeviceTypeSettingsChanged
  | AppVersionAdded
  | AppVersionRemoved
  | DeviceTypeDeleted;

/** All events are of schema version 1: read as they are. */
export const upcast = (stored: StoredEvent): DeviceTypeEvent => stored as DeviceTypeEvent;
