import { Type } from 'class-transformer';
import {
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsISO8601,
  IsObject,
  IsOptional,
  IsString,
  Length,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { EXPECTED_FROM, type ExpectedFrom } from '../configuration/expected-from.js';
import { defineRequest } from '../contract.js';
import { AnyJson, Described, JSON_VALUE, ValuesAre } from '../described.js';
import { BulkTarget, TARGET_ERRORS } from '../device-registry/targets.requests.js';
import {
  Actor,
  ChangeRequest,
  CreateRequest,
  Done,
  IsName,
  Page,
  PageRequest,
  TenantRequest,
  type JsonValue,
} from '../fields.js';

/**
 * Of a device under supervision. `pending` nothing contradicts yet; `valid` every desired value is still the supervision's
 * and every expected value is reported; `invalid` something contradicts, see the reasons; `unknown` it has never said
 * anything, nor has anything reached it.
 */
export const VERDICTS = ['pending', 'valid', 'invalid', 'unknown'] as const;
export type Verdict = (typeof VERDICTS)[number];

/**
 * `desired_changed` somebody else changed the desired value; `state_mismatch` the device says another value than is expected;
 * `drift` it was valid before; `device_error` it refused its document; `removed` it was deleted.
 */
export const VERDICT_REASONS = [
  'desired_changed',
  'state_mismatch',
  'drift',
  'device_error',
  'removed',
] as const;
export type VerdictReasonCode = (typeof VERDICT_REASONS)[number];

/** Whether the document with the desired values has reached the device: over MQTT it was sent, over HTTP it was fetched. */
export const DELIVERIES = ['not_sent', 'sent', 'fetched'] as const;
export type Delivery = (typeof DELIVERIES)[number];

/** By what a reported value is known: the device said so itself, or it only applied a document that holds it. */
export const KNOWN_BY = ['stated', 'applied'] as const;
export type KnownBy = (typeof KNOWN_BY)[number];

export const SUPERVISION_STATUSES = ['resolving', 'open', 'failed', 'closed'] as const;
export type SupervisionStatus = (typeof SUPERVISION_STATUSES)[number];

export class VerdictReason {
  @IsIn(VERDICT_REASONS)
  code!: VerdictReasonCode;

  @IsOptional()
  @IsString()
  key?: string;

  /** Absent: no value. */
  @IsOptional()
  @AnyJson()
  expected?: JsonValue;

  /** Absent: no value. */
  @IsOptional()
  @AnyJson()
  actual?: JsonValue;

  /** With `desired_changed`. */
  @IsOptional()
  @ValidateNested()
  @Type(() => Actor)
  by?: Actor;

  @IsOptional()
  @IsISO8601()
  at?: string;

  /** With `device_error`. */
  @IsOptional()
  @IsInt()
  statusCode?: number;

  /** With `device_error`: in the device's words. */
  @IsOptional()
  @IsString()
  detail?: string;
}

/** What is watched. */
export class SupervisionInput {
  @IsName(128)
  name!: string;

  @IsObject()
  @ValidateNested()
  @Type(() => BulkTarget)
  target!: BulkTarget;

  /** Key → the desired value that devices must keep; null: none of their own. */
  @IsOptional()
  @ValuesAre(JSON_VALUE)
  @IsObject()
  configurations?: Record<string, JsonValue>;

  /** Key → the value that devices must report. Without any: every value of `configurations` must be reported. */
  @IsOptional()
  @ValuesAre(JSON_VALUE)
  @IsObject()
  expectedStates?: Record<string, JsonValue>;

  /** `stated`: only what a device says itself counts. `any` (default): of a key that it has never said, what it applied counts, too. */
  @IsOptional()
  @IsIn(EXPECTED_FROM)
  expectedFrom?: ExpectedFrom;
}

export class OpenSupervision extends CreateRequest {
  @ValidateNested()
  @Type(() => SupervisionInput)
  supervision!: SupervisionInput;
}

export const VERDICT_COUNTS = Object.fromEntries(VERDICTS.map((verdict) => [verdict, { type: 'integer' }]));

/** How many devices have which verdict. */
export type VerdictCounts = Record<Verdict, number>;

export const AreVerdictCounts = (): PropertyDecorator =>
  Described(() => ({ type: 'object', properties: VERDICT_COUNTS, required: [...VERDICTS] }));

export class SupervisionFault {
  @IsString()
  code!: string;

  @IsString()
  detail!: string;
}

export class SupervisionView {
  @IsString()
  id!: string;

  @IsString()
  name!: string;

  /** Raised by every event of it; the `ETag`. Verdicts do not raise it. Absent: of a service from before December 2026. */
  @IsOptional()
  @IsInt()
  version?: number;

  /**
   * `resolving` which devices it means is being found out; `open` every event of a device is judged; `failed` the devices
   * could not be found, see `error`; `closed` the verdicts stay as they are.
   */
  @IsIn(SUPERVISION_STATUSES)
  status!: SupervisionStatus;

  /** The campaign it came with; absent: it stands alone. */
  @IsOptional()
  @IsString()
  campaignId?: string;

  @ValuesAre(JSON_VALUE)
  @IsObject()
  configurations!: Record<string, JsonValue>;

  @ValuesAre(JSON_VALUE)
  @IsObject()
  expectedStates!: Record<string, JsonValue>;

  @IsIn(EXPECTED_FROM)
  expectedFrom!: ExpectedFrom;

  /** Devices. */
  @IsInt()
  total!: number;

  @AreVerdictCounts()
  @IsObject()
  verdicts!: VerdictCounts;

  /** Some devices were not looked at yet for the first time. */
  @IsBoolean()
  judging!: boolean;

  @IsISO8601()
  openedAt!: string;

  @ValidateNested()
  @Type(() => Actor)
  openedBy!: Actor;

  @IsOptional()
  @IsISO8601()
  closedAt?: string;

  @IsOptional()
  @ValidateNested()
  @Type(() => Actor)
  closedBy?: Actor;

  /** With `failed` why; with `resolving` what keeps it from finding its devices: it is tried again. */
  @IsOptional()
  @ValidateNested()
  @Type(() => SupervisionFault)
  error?: SupervisionFault;
}

export class SupervisionRef extends TenantRequest {
  @IsString()
  @Length(1, 64)
  supervisionId!: string;
}

export class CloseSupervision extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  supervisionId!: string;
}

/** What it watches is not changed: the verdicts would no longer say what they said. */
export class SupervisionEdit {
  @IsOptional()
  @IsName(128)
  name?: string;
}

export class EditSupervision extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  supervisionId!: string;

  @ValidateNested()
  @Type(() => SupervisionEdit)
  edit!: SupervisionEdit;
}

export class ListSupervisions extends PageRequest {
  @IsOptional()
  @IsIn(SUPERVISION_STATUSES)
  status?: SupervisionStatus;

  @IsOptional()
  @IsString()
  @Length(1, 64)
  campaignId?: string;
}

export class SupervisionPage extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => SupervisionView)
  items!: SupervisionView[];
}

/** One device under supervision. Beside the verdict three marks, so that what was only written is not taken for arrived. */
export class SupervisedDevice {
  @IsString()
  deviceId!: string;

  /** As it was called when it came under supervision. */
  @IsString()
  name!: string;

  @IsIn(VERDICTS)
  verdict!: Verdict;

  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => VerdictReason)
  reasons!: VerdictReason[];

  /** Every desired value is the supervision's. */
  @IsBoolean()
  desired!: boolean;

  @IsIn(DELIVERIES)
  delivered!: Delivery;

  /** Every expected value is reported. */
  @IsBoolean()
  reported!: boolean;

  /** With `reported`: `applied` when one of the values is known only because the device applied its document. */
  @ValidateIf((device: SupervisedDevice) => device.knownBy !== null)
  @IsIn(KNOWN_BY)
  knownBy!: KnownBy | null;

  /** When the verdict became this one; null: it was not looked at yet. */
  @ValidateIf((device: SupervisedDevice) => device.since !== null)
  @IsISO8601()
  since!: string | null;
}

export class ListSupervised extends PageRequest {
  @IsString()
  @Length(1, 64)
  supervisionId!: string;

  @IsOptional()
  @IsIn(VERDICTS)
  verdict?: Verdict;

  /** Devices that have this reason among theirs. */
  @IsOptional()
  @IsIn(VERDICT_REASONS)
  reason?: VerdictReasonCode;
}

export class SupervisedPage extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => SupervisedDevice)
  items!: SupervisedDevice[];
}

const errors = ['supervision-not-found'] as const;

/** Watches devices without a campaign. They are found after the answer: a filter may mean many. */
export const openSupervision = defineRequest({
  subject: 'muster.v1.service.campaign-orchestrator.supervision.open',
  request: OpenSupervision,
  reply: SupervisionView,
  errors: [...TARGET_ERRORS, 'invalid-configuration', 'configuration-too-large', 'idempotency-key-reused'],
  idempotent: false,
});

export const getSupervision = defineRequest({
  subject: 'muster.v1.service.campaign-orchestrator.supervision.get',
  request: SupervisionRef,
  reply: SupervisionView,
  errors,
  idempotent: true,
});

/** Newest first. */
export const listSupervisions = defineRequest({
  subject: 'muster.v1.service.campaign-orchestrator.supervision.list',
  request: ListSupervisions,
  reply: SupervisionPage,
  errors: ['invalid-request'],
  idempotent: true,
});

/** Of one that is not closed and has not failed: those are a record. */
export const editSupervision = defineRequest({
  subject: 'muster.v1.service.campaign-orchestrator.supervision.edit',
  request: EditSupervision,
  reply: SupervisionView,
  errors: [...errors, 'supervision-closed', 'version-mismatch', 'concurrent-change'],
  idempotent: true,
});

/** The verdicts stay as they are from now on. Closed already: the same answer. */
export const closeSupervision = defineRequest({
  subject: 'muster.v1.service.campaign-orchestrator.supervision.close',
  request: CloseSupervision,
  reply: SupervisionView,
  errors: [...errors, 'supervision-resolving'],
  idempotent: true,
});

/** A closed or failed one, with its verdicts. */
export const deleteSupervision = defineRequest({
  subject: 'muster.v1.service.campaign-orchestrator.supervision.delete',
  request: CloseSupervision,
  reply: Done,
  errors: [...errors, 'supervision-open'],
  idempotent: true,
});

/** By id of the device. */
export const listSupervised = defineRequest({
  subject: 'muster.v1.service.campaign-orchestrator.supervision.devices',
  request: ListSupervised,
  reply: SupervisedPage,
  errors: [...errors, 'no-longer-kept', 'invalid-request'],
  idempotent: true,
});

/** A value that devices report of a key. */
export class ReportedValueCount {
  /** Absent: with `cut`. */
  @IsOptional()
  @AnyJson()
  value?: JsonValue;

  /** The value is not shown here: it has more than 1,000 characters, or the answer would be too large. */
  @IsOptional()
  @IsBoolean()
  cut?: boolean;

  @IsInt()
  devices!: number;
}

/** What is known of one key. The numbers together are all devices. */
export class ReportedKey {
  @IsString()
  key!: string;

  /** What it should be; absent where each device has its own, as in a campaign that takes another one back. */
  @IsOptional()
  @AnyJson()
  expected?: JsonValue;

  /** The 20 that most devices report, most first. */
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => ReportedValueCount)
  values!: ReportedValueCount[];

  /** Devices that report another value than those. */
  @IsInt()
  others!: number;

  /** Devices that report no value. */
  @IsInt()
  none!: number;

  /** Devices that were deleted, or were not looked at yet. */
  @IsInt()
  unknown!: number;
}

export class ReportedValues {
  /** By name. */
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => ReportedKey)
  keys!: ReportedKey[];
}

/** How many devices report which value of each key that is watched: counted with the verdicts, not when it is asked. */
export const getReportedValues = defineRequest({
  subject: 'muster.v1.service.campaign-orchestrator.supervision.values',
  request: SupervisionRef,
  reply: ReportedValues,
  errors,
  idempotent: true,
});
