import type { DeviceInterface } from '@muster/contracts/device-registry/devices.requests';

/** Which of the device's software: the name of a firmware type, or `default` for the first one of its device type. */
interface OfSoftware {
  readonly software: string;
  readonly interface: DeviceInterface;
}

/** An adapter put the version on the wire, or the device fetched it. */
export interface SoftwareOffered {
  readonly type: 'SoftwareOffered';
  readonly data: OfSoftware & {
    readonly version: string;
    /** False: the broker had nobody to give it to. */
    readonly subscriber: boolean;
    readonly offeredAt: string;
  };
}

/** The device says that it runs the version, which need not be one of ours. */
export interface SoftwareApplied {
  readonly type: 'SoftwareApplied';
  readonly data: OfSoftware & {
    readonly version: string;
    /** It did not say so, it asked for its software naming this version. */
    readonly implicit: boolean;
    readonly appliedAt: string;
  };
}

/** The device refused the version, or failed to install it. */
export interface SoftwareRejected {
  readonly type: 'SoftwareRejected';
  readonly data: OfSoftware & {
    readonly version: string;
    readonly statusCode: number;
    readonly reasonPhrase?: string;
    readonly rejectedAt: string;
  };
}

/** The device asked to be told of new versions, or not to be. */
export interface SoftwareObservationChanged {
  readonly type: 'SoftwareObservationChanged';
  readonly data: OfSoftware & { readonly observe: boolean; readonly changedAt: string };
}

/** The device was deleted. The last event of the stream. */
export interface SoftwareEnded {
  readonly type: 'SoftwareEnded';
  readonly data: { readonly endedAt: string };
}

export type SoftwareEvent =
  SoftwareOffered | SoftwareApplied | SoftwareRejected | SoftwareObservationChanged | SoftwareEnded;
