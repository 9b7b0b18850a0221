/** Which firmware it is; in every event, because who is told of one may have no other. */
export interface FirmwareIdentity {
  readonly firmwareTypeId: string;
  readonly deviceTypeId: string;
  readonly version: string;
}

export interface StoredRollout {
  readonly strategy: 'suspended' | 'targeted' | 'general';
  /** With `targeted`: a device named by any of them. */
  readonly filter?: { readonly deviceIds?: readonly string[]; readonly tags?: readonly string[] };
}

/** The file is stored and will never change. Its rollout is suspended. */
export interface FirmwareRegistered {
  readonly type: 'FirmwareRegistered';
  readonly data: FirmwareIdentity & {
    readonly name: string;
    readonly fileKey: string;
    readonly size: number;
    readonly sha256: string;
    readonly description?: string;
    readonly upgradableFrom: readonly string[];
    readonly registeredAt: string;
  };
}

export interface FirmwareDescribed {
  readonly type: 'FirmwareDescribed';
  readonly data: FirmwareIdentity & { readonly description: string | null; readonly changedAt: string };
}

export interface UpgradePathChanged {
  readonly type: 'UpgradePathChanged';
  readonly data: FirmwareIdentity & {
    readonly upgradableFrom: readonly string[];
    readonly changedAt: string;
  };
}

export interface RolloutChanged {
  readonly type: 'RolloutChanged';
  readonly data: FirmwareIdentity & { readonly rollout: StoredRollout; readonly changedAt: string };
}

/** The last event of the stream. Nobody can get the file any more; it is removed soon after. */
export interface FirmwareDeleted {
  readonly type: 'FirmwareDeleted';
  readonly data: FirmwareIdentity & { readonly fileKey: string; readonly deletedAt: string };
}

export type FirmwareEvent =
  FirmwareRegistered | FirmwareDescribed | UpgradePathChanged | RolloutChanged | FirmwareDeleted;
