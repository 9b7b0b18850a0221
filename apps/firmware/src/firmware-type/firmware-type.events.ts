/** What can be updated in devices of one type. Never changed, never deleted: devices name it in their topics. */
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

export type FirmwareTypeEvent = FirmwareTypeCreated;
