/** What can be updated in devices of one type. */
export interface FirmwareTypeCreated {
  readonly type: 'FirmwareTypeCreated';
  readonly data: {
    readonly deviceTypeId: string;
    readonly name: string;
    /** Keys of the configuration by which a campaign hands the firmware out. */
    readonly versionKey: string;
    readonly urlKey: string;
    readonly tokenKey: string;
    readonly createdAt: string;
  };
}

export interface FirmwareTypeRenamed {
  readonly type: 'FirmwareTypeRenamed';
  readonly data: { readonly name: string; readonly changedAt: string };
}

/** All three, as they are from then on. */
export interface FirmwareTypeKeysChanged {
  readonly type: 'FirmwareTypeKeysChanged';
  readonly data: {
    readonly versionKey: string;
    readonly urlKey: string;
    readonly tokenKey: string;
    readonly changedAt: string;
  };
}

/** The last event of the stream. */
export interface FirmwareTypeDeleted {
  readonly type: 'FirmwareTypeDeleted';
  readonly data: { readonly deviceTypeId: string; readonly deletedAt: string };
}

export type FirmwareTypeEvent =
  FirmwareTypeCreated | FirmwareTypeRenamed | FirmwareTypeKeysChanged | FirmwareTypeDeleted;
