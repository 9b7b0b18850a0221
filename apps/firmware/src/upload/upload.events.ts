/** A device's file is stored and will never change. */
export interface UploadStored {
  readonly type: 'UploadStored';
  readonly data: {
    readonly deviceId: string;
    readonly fileKey: string;
    readonly name: string;
    readonly size: number;
    readonly sha256: string;
    readonly contentType?: string;
    readonly storedAt: string;
  };
}

/** The last event of the stream. The file is removed soon after. */
export interface UploadRemoved {
  readonly type: 'UploadRemoved';
  readonly data: {
    readonly deviceId: string;
    readonly fileKey: string;
    readonly reason: RemovalReason;
    readonly removedAt: string;
  };
}

/** `overwritten`: the device stored another of the same name and asked for it. */
export type RemovalReason = 'deleted' | 'overwritten' | 'too-old' | 'too-many';

export type UploadEvent = UploadStored | UploadRemoved;
