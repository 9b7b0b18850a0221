import { Type } from 'class-transformer';
import {
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsISO8601,
  IsOptional,
  IsString,
  ValidateNested,
} from 'class-validator';
import { definePublished } from '../contract.js';
import { INTERFACES, type DeviceInterface } from '../device-registry/devices.requests.js';
import { Actor } from '../fields.js';
import { Rollout } from './requests.js';

/** What every event of a firmware carries. `version` rises by one with every event of that firmware. */
export class FirmwareFact {
  @IsString()
  firmwareId!: string;

  @IsInt()
  version!: number;

  @IsISO8601()
  at!: string;

  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;

  @IsString()
  firmwareTypeId!: string;

  @IsString()
  deviceTypeId!: string;

  @IsString()
  firmwareVersion!: string;
}

export class FirmwareRegistered extends FirmwareFact {
  /** Bytes. */
  @IsInt()
  size!: number;

  @IsString()
  sha256!: string;

  @IsArray()
  @IsString({ each: true })
  upgradableFrom!: string[];

  @ValidateNested()
  @Type(() => Rollout)
  rollout!: Rollout;
}

/** What changed is there. A change of `upgradableFrom` or `rollout` may make it due for devices of the type. */
export class FirmwareChanged extends FirmwareFact {
  /** null: removed. */
  @IsOptional()
  @IsString()
  description?: string | null;

  @IsOptional()
  @IsArray()
  @IsString({ each: true })
  upgradableFrom?: string[];

  @IsOptional()
  @ValidateNested()
  @Type(() => Rollout)
  rollout?: Rollout;
}

export class FirmwareDeleted extends FirmwareFact {}

/** What every event of a device's software carries. `version` rises by one with every event of that device's software. */
export class SoftwareFact {
  @IsString()
  deviceId!: string;

  @IsInt()
  version!: number;

  @IsISO8601()
  at!: string;

  @ValidateNested()
  @Type(() => Actor)
  source!: Actor;

  /** Name of the firmware type; `default` for the first of the device type. */
  @IsString()
  software!: string;

  @IsString()
  softwareVersion!: string;

  @IsIn(INTERFACES)
  interface!: DeviceInterface;
}

/** A version was put on the wire, or the device fetched it. */
export class SoftwareOffered extends SoftwareFact {
  @IsBoolean()
  subscriber!: boolean;
}

/** The device runs the version, which need not have been offered. Another one may be due now. */
export class SoftwareApplied extends SoftwareFact {
  /** It did not say so, it asked for its software naming this version. */
  @IsBoolean()
  implicit!: boolean;
}

export class SoftwareRejected extends SoftwareFact {
  @IsInt()
  statusCode!: number;

  @IsOptional()
  @IsString()
  reasonPhrase?: string;
}

export class UploadStored {
  @IsString()
  uploadId!: string;

  @IsInt()
  version!: number;

  @IsISO8601()
  at!: string;

  @ValidateNested()
  @Type(() => Actor)
  source!: Actor;

  @IsString()
  deviceId!: string;

  @IsString()
  name!: string;

  /** Bytes. */
  @IsInt()
  size!: number;

  @IsString()
  sha256!: string;
}

const service = 'firmware';
const schemaVersion = 1;

export const firmwareRegistered = definePublished({
  service,
  entity: 'firmware',
  verb: 'registered',
  schemaVersion,
  data: FirmwareRegistered,
});

export const firmwareChanged = definePublished({
  service,
  entity: 'firmware',
  verb: 'changed',
  schemaVersion,
  data: FirmwareChanged,
});

export const firmwareDeleted = definePublished({
  service,
  entity: 'firmware',
  verb: 'deleted',
  schemaVersion,
  data: FirmwareDeleted,
});

/** The entity is the device, here and in the next two. */
export const softwareOffered = definePublished({
  service,
  entity: 'software',
  verb: 'offered',
  schemaVersion,
  data: SoftwareOffered,
});

export const softwareApplied = definePublished({
  service,
  entity: 'software',
  verb: 'applied',
  schemaVersion,
  data: SoftwareApplied,
});

export const softwareRejected = definePublished({
  service,
  entity: 'software',
  verb: 'rejected',
  schemaVersion,
  data: SoftwareRejected,
});

export const uploadStored = definePublished({
  service,
  entity: 'upload',
  verb: 'stored',
  schemaVersion,
  data: UploadStored,
});
