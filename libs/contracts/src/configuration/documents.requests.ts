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
  MaxLength,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { INTERFACES, type DeviceInterface } from '../device-registry/devices.requests.js';
import { BulkOutcome, TenantRequest, type JsonObject, type JsonValue } from '../fields.js';

/** A device asks for its configuration (7/CMP). */
export class FetchDocument extends TenantRequest {
  @IsString()
  deviceId!: string;

  @IsIn(INTERFACES)
  interface!: DeviceInterface;

  /**
   * Name of the application version that the device asks as; it is given the document of that one, also where the registry
   * does not know yet that it runs it. Absent: the one on record.
   */
  @IsOptional()
  @IsString()
  appVersion?: string;

  /** The document the device says it has applied. Naming the current one confirms it (implicitly applied). */
  @IsOptional()
  @IsString()
  @MaxLength(128)
  configId?: string;

  /** Remembered until the next request that names it: false = push nothing until asked otherwise. */
  @IsOptional()
  @IsBoolean()
  observe?: boolean;
}

export class DocumentView {
  /** True: the device named the current configId; `config` is null then. */
  @IsBoolean()
  unchanged!: boolean;

  /** "" when nothing is configured. */
  @IsString()
  configId!: string;

  /** The whole document; null when unchanged or when nothing is configured. */
  @ValidateIf((document: DocumentView) => document.config !== null)
  @IsObject()
  config!: JsonObject | null;
}

export class AppliedReport {
  @IsString()
  tenantId!: string;

  @IsString()
  deviceId!: string;

  @IsIn(INTERFACES)
  interface!: DeviceInterface;

  @IsString()
  @MaxLength(128)
  configId!: string;

  /** 2xx: applied. Anything else: rejected. */
  @IsInt()
  statusCode!: number;

  @IsOptional()
  @IsString()
  @MaxLength(1000)
  reasonPhrase?: string;
}

export class ReportApplied {
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(500)
  @ValidateNested({ each: true })
  @Type(() => AppliedReport)
  reports!: AppliedReport[];
}

export class DeviceKey {
  @IsString()
  tenantId!: string;

  @IsString()
  deviceId!: string;
}

/** A device that may be due something. */
export class DueDevice extends DeviceKey {
  /** Since when it can be reached, by the clock of its adapter: what it was sent later than this has reached it. */
  @IsOptional()
  @IsISO8601()
  reachableAt?: string;
}

/** As above, for documents. */
export class DueDocumentOf extends DueDevice {
  /** Name of the application version as which it is reachable. Absent: the one on record. */
  @IsOptional()
  @IsString()
  appVersion?: string;
}

export class DueDocuments {
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(500)
  @ValidateNested({ each: true })
  @Type(() => DueDocumentOf)
  devices!: DueDocumentOf[];

  /**
   * Asked because of a change: leaves out who was sent the document since it last changed, by a push or because it asked.
   * Default: for devices that have just become reachable, whatever they were sent before that.
   */
  @IsOptional()
  @IsBoolean()
  changed?: boolean;
}

/** A document that its device should be sent now. */
export class DueDocument extends DeviceKey {
  @IsString()
  configId!: string;

  @IsObject()
  config!: JsonObject;

  /** It is the document of this version, which is not the one on record: that it is sent is not to be recorded. */
  @IsOptional()
  @IsString()
  appVersion?: string;
}

export class DueDocumentList {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => DueDocument)
  items!: DueDocument[];

  /** Devices that were not looked at, because the answer would have become too large for a message: ask again with these. */
  @IsOptional()
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => DueDocumentOf)
  askAgain?: DueDocumentOf[];
}

export class DispatchReport extends DeviceKey {
  @IsString()
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

export class RecordDispatched {
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(500)
  @ValidateNested({ each: true })
  @Type(() => DispatchReport)
  dispatches!: DispatchReport[];
}

export class DispatchesRecorded extends BulkOutcome {
  /** Devices whose last dispatch put a document on the wire that was not the current one any more: they are due again. */
  @IsOptional()
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => DeviceKey)
  superseded?: DeviceKey[];
}

/** A device says how it is, besides what it applied. */
export class StateReport extends DeviceKey {
  @IsIn(INTERFACES)
  interface!: DeviceInterface;

  /** Merged into what is known (RFC 7396): null removes. Keys and sizes as for desired values. */
  @IsObject()
  reported!: Record<string, JsonValue>;
}

export class ReportState {
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(500)
  @ValidateNested({ each: true })
  @Type(() => StateReport)
  reports!: StateReport[];
}

export class GetReportedState extends TenantRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;
}

export class ReportedState {
  /** Key → value; empty when nothing was reported. */
  @IsObject()
  reported!: JsonObject;
}

export const fetchDocument = defineRequest({
  subject: 'muster.v1.service.configuration.document.fetch',
  request: FetchDocument,
  reply: DocumentView,
  errors: ['device-not-found', 'concurrent-change'],
  idempotent: true,
});

/**
 * Outcomes: `device-not-found`; `concurrent-change` and `unavailable` are worth another try. A configId that is not the
 * current one is recorded and changes nothing else.
 */
export const reportApplied = defineRequest({
  subject: 'muster.v1.service.configuration.document.report-applied',
  request: ReportApplied,
  reply: BulkOutcome,
  errors: ['concurrent-change'],
  idempotent: true,
});

/**
 * Of these devices, those that should be sent their document now, with it: there is one, the device has not applied it,
 * has not refused it, and has not asked to be left alone (`observe: false`).
 */
export const dueDocuments = defineRequest({
  subject: 'muster.v1.service.configuration.document.due',
  request: DueDocuments,
  reply: DueDocumentList,
  errors: [],
  idempotent: true,
});

/**
 * Outcomes: `device-not-found`; `concurrent-change` and `unavailable` are worth another try. Whoever sent a document that
 * is `superseded` sends the current one after it: whatever was pushed meanwhile may have been on the wire before.
 */
export const recordDispatched = defineRequest({
  subject: 'muster.v1.service.configuration.document.record-dispatched',
  request: RecordDispatched,
  reply: DispatchesRecorded,
  errors: ['concurrent-change'],
  idempotent: true,
});

/**
 * Outcomes: `device-not-found`, `invalid-configuration`, `configuration-too-large`; `concurrent-change` and `unavailable`
 * are worth another try.
 */
export const reportState = defineRequest({
  subject: 'muster.v1.service.configuration.state.report',
  request: ReportState,
  reply: BulkOutcome,
  errors: ['concurrent-change'],
  idempotent: true,
});

export const getReportedState = defineRequest({
  subject: 'muster.v1.service.configuration.state.get',
  request: GetReportedState,
  reply: ReportedState,
  errors: ['device-not-found'],
  idempotent: true,
});
