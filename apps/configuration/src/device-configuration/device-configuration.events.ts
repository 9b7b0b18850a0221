import type { Actor, DeviceInterface, JsonValue } from '@muster/contracts';

/** Key → value before and after; an absent side means "no value". */
export type StoredChanges = Readonly<Record<string, { readonly from?: JsonValue; readonly to?: JsonValue }>>;

/** The document's content changed. `configId` is the new document's. */
export interface DesiredConfigurationChanged {
  readonly type: 'DesiredConfigurationChanged';
  readonly data: {
    readonly changes: StoredChanges;
    readonly configId: string;
    readonly source: Actor;
    readonly reason?: string;
    readonly changedAt: string;
  };
}

/** An adapter put the document on the wire, or the device fetched it. */
export interface ConfigurationDispatched {
  readonly type: 'ConfigurationDispatched';
  readonly data: {
    readonly configId: string;
    readonly interface: DeviceInterface;
    /** False: the broker had nobody to give it to. */
    readonly subscriber: boolean;
    readonly dispatchedAt: string;
  };
}

/** The device confirmed `configId`, which need not be the current document. */
export interface ConfigurationApplied {
  readonly type: 'ConfigurationApplied';
  readonly data: {
    readonly configId: string;
    readonly interface: DeviceInterface;
    /** It did not say so, it asked for the configuration naming this id. */
    readonly implicit: boolean;
    readonly appliedAt: string;
  };
}

/** The device refused `configId`, which need not be the current document. */
export interface ConfigurationRejected {
  readonly type: 'ConfigurationRejected';
  readonly data: {
    readonly configId: string;
    readonly interface: DeviceInterface;
    readonly statusCode: number;
    readonly reasonPhrase?: string;
    readonly rejectedAt: string;
  };
}

/**
 * What is known of the device's own values changed: it applied a document, or said so itself. `configId` is of the document
 * that was current then.
 */
export interface StateReported {
  readonly type: 'StateReported';
  readonly data: {
    readonly changes: StoredChanges;
    readonly configId: string;
    readonly interface: DeviceInterface;
    readonly reportedAt: string;
  };
}

/** The device asked to be sent changes, or not to be. */
export interface ObservationChanged {
  readonly type: 'ObservationChanged';
  readonly data: {
    readonly observe: boolean;
    readonly interface: DeviceInterface;
    readonly changedAt: string;
  };
}

/** The device was deleted. The last event of the stream. */
export interface ConfigurationEnded {
  readonly type: 'ConfigurationEnded';
  readonly data: { readonly endedAt: string };
}

export type ConfigurationEvent =
  | DesiredConfigurationChanged
  | ConfigurationDispatched
  | ConfigurationApplied
  | ConfigurationRejected
  | StateReported
  | ObservationChanged
  | ConfigurationEnded;
