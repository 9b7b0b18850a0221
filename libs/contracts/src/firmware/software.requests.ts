import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayNotEmpty,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsISO8601,
  IsObject,
  IsOptional,
  IsString,
  Length,
  Matches,
  MaxLength,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { DeviceKey, DueDevice } from '../configuration/documents.requests.js';
import { defineRequest } from '../contract.js';
import { INTERFACES, type DeviceInterface } from '../device-registry/devices.requests.js';
import {
  BulkOutcome,
  NAME_MESSAGE,
  NAME_RULE,
  Page,
  PageRequest,
  TenantRequest,
  type JsonObject,
} from '../fields.js';

/** A device asks for its software (cmx_ota, 7/CMP). */
export class FetchSoftware extends TenantRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  @IsIn(INTERFACES)
  interface!: DeviceInterface;

  /** Of a firmware type. Default: the first of the device's type. */
  @IsOptional()
  @Matches(NAME_RULE, NAME_MESSAGE)
  name?: string;

  /** The version the device runs. */
  @IsOptional()
  @IsString()
  @MaxLength(128)
  configId?: string;

  /** Remembered until the next request that names it: false = push nothing until asked otherwise. */
  @IsOptional()
  @IsBoolean()
  observe?: boolean;
}

export class SoftwareDocument {
  /** True: there is nothing to update to; `config` is null then. */
  @IsBoolean()
  unchanged!: boolean;

  /** The version offered; when unchanged the one the device reported, "" if none. */
  @IsString()
  configId!: string;

  /** `{version, url, token, sha256, size, name, firmwareType}`; the URL works without anything else. */
  @ValidateIf((document: SoftwareDocument) => document.config !== null)
  @IsObject()
  config!: JsonObject | null;
}

export class SoftwareReport extends DeviceKey {
  @IsIn(INTERFACES)
  interface!: DeviceInterface;

  @IsOptional()
  @Matches(NAME_RULE, NAME_MESSAGE)
  name?: string;

  /** A version, of this platform or of anywhere. */
  @IsString()
  @MaxLength(128)
  configId!: string;

  /** 2xx: the device runs it. Anything else: refused. */
  @IsInt()
  statusCode!: number;

  @IsOptional()
  @IsString()
  @MaxLength(1000)
  reasonPhrase?: string;
}

export class ReportSoftwareApplied {
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(500)
  @ValidateNested({ each: true })
  @Type(() => SoftwareReport)
  reports!: SoftwareReport[];
}

export class DueSoftware {
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(500)
  @ValidateNested({ each: true })
  @Type(() => DueDevice)
  devices!: DueDevice[];

  /**
   * Asked because of a change: leaves out who was sent that version since it was made available, by a push or because it
   * asked. Default: for devices that have just become reachable, whatever they were sent before that.
   */
  @IsOptional()
  @IsBoolean()
  changed?: boolean;
}

/** A version that its device should be told of now. */
export class DueSoftwareItem extends DeviceKey {
  /** Of the firmware type, for the topic; absent: the default, whose topic has no name. */
  @IsOptional()
  @IsString()
  name?: string;

  @IsString()
  configId!: string;

  @IsObject()
  config!: JsonObject;
}

export class DueSoftwareList {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => DueSoftwareItem)
  items!: DueSoftwareItem[];

  /** Devices that were not looked at, because the answer would have become too large for a message: ask again with these. */
  @IsOptional()
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => DueDevice)
  askAgain?: DueDevice[];
}

export class SoftwareDispatch extends DeviceKey {
  @IsOptional()
  @Matches(NAME_RULE, NAME_MESSAGE)
  name?: string;

  @IsString()
  @MaxLength(128)
  configId!: string;

  @IsIn(INTERFACES)
  interface!: DeviceInterface;

  /** False: the broker had nobody to give it to. */
  @IsBoolean()
  subscriber!: boolean;

  /** When it was put on the wire. */
  @IsISO8601()
  at!: string;
}

export class RecordSoftwareDispatched {
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(500)
  @ValidateNested({ each: true })
  @Type(() => SoftwareDispatch)
  dispatches!: SoftwareDispatch[];
}

export class SoftwareDispatchesRecorded extends BulkOutcome {
  /** Devices whose last dispatch put a version on the wire that is not the one they may go to next any more: they are due again. */
  @IsOptional()
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => DeviceKey)
  superseded?: DeviceKey[];
}

/** Ordered by name. */
export class GetSoftware extends PageRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;
}

export class OfferView {
  @IsString()
  version!: string;

  @IsBoolean()
  subscriber!: boolean;

  @IsISO8601()
  at!: string;
}

export class SoftwareRejectionView {
  @IsString()
  version!: string;

  @IsInt()
  statusCode!: number;

  @IsOptional()
  @IsString()
  reasonPhrase?: string;

  @IsISO8601()
  at!: string;
}

/** What is known of one software of a device. */
export class SoftwareView {
  /** Of the firmware type; `default` for the first of the device type. */
  @IsString()
  name!: string;

  /** Name of the firmware type; absent: it is not known, because the device type has none yet. */
  @IsOptional()
  @IsString()
  firmwareType?: string;

  /** What it runs; absent: the device never said. */
  @IsOptional()
  @IsString()
  reportedVersion?: string;

  @IsOptional()
  @IsISO8601()
  reportedAt?: string;

  /** What was last put on the wire. */
  @IsOptional()
  @ValidateNested()
  @Type(() => OfferView)
  offered?: OfferView;

  /** The device's last refusal, until it runs that version after all. */
  @IsOptional()
  @ValidateNested()
  @Type(() => SoftwareRejectionView)
  rejected?: SoftwareRejectionView;

  /** Absent: the device never said, and gets what is due. */
  @IsOptional()
  @IsBoolean()
  observe?: boolean;
}

export class SoftwareStates extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => SoftwareView)
  items!: SoftwareView[];
}

export const fetchSoftware = defineRequest({
  subject: 'muster.v1.service.firmware.software.fetch',
  request: FetchSoftware,
  reply: SoftwareDocument,
  errors: ['device-not-found', 'firmware-type-not-found', 'concurrent-change'],
  idempotent: true,
});

/**
 * Outcomes: `device-not-found`; `firmware-type-not-found` when the report names one; `concurrent-change` and
 * `unavailable` are worth another try. An unknown version is stored as reported, never an error.
 */
export const reportSoftwareApplied = defineRequest({
  subject: 'muster.v1.service.firmware.software.report-applied',
  request: ReportSoftwareApplied,
  reply: BulkOutcome,
  errors: ['concurrent-change'],
  idempotent: true,
});

/**
 * Of these devices, what they should be told of now: there is a version they may go to, they have not refused it since its
 * rollout was last changed, and have not asked to be left alone (`observe: false`).
 */
export const dueSoftware = defineRequest({
  subject: 'muster.v1.service.firmware.software.due',
  request: DueSoftware,
  reply: DueSoftwareList,
  errors: [],
  idempotent: true,
});

/** Outcomes as for `reportSoftwareApplied`. Whoever sent what is `superseded` sends what is due now after it. */
export const recordSoftwareDispatched = defineRequest({
  subject: 'muster.v1.service.firmware.software.record-dispatched',
  request: RecordSoftwareDispatched,
  reply: SoftwareDispatchesRecorded,
  errors: ['concurrent-change'],
  idempotent: true,
});

export const getSoftware = defineRequest({
  subject: 'muster.v1.service.firmware.software.get',
  request: GetSoftware,
  reply: SoftwareStates,
  errors: ['device-not-found', 'invalid-request'],
  idempotent: true,
});
