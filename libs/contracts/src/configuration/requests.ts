import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayNotEmpty,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsISO8601,
  IsNumber,
  IsObject,
  IsOptional,
  IsString,
  Length,
  Max,
  MaxLength,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { AnyJson, Described, ValuesAre } from '../described.js';
import { INTERFACES, type DeviceInterface } from '../device-registry/devices.requests.js';
import {
  Actor,
  BulkOutcome,
  ChangeRequest,
  Done,
  IsText,
  IsTime,
  CursorRequest,
  TenantRequest,
  type JsonObject,
  type JsonValue,
} from '../fields.js';
import { SYNC_STATES, type SyncState } from './sync-state.js';

export { SYNC_STATES, type SyncState };

/** Whose value a key has: the device's own always wins, then its app version's default, then its device type's. */
export const VALUE_ORIGINS = ['device', 'app-version', 'device-type'] as const;
export type ValueOrigin = (typeof VALUE_ORIGINS)[number];

// ---- for operators --------------------------------------------------------------------------------------------------

export class ConfigurationKeyView {
  /** Absent: no desired value. */
  @IsOptional()
  @AnyJson()
  desired?: JsonValue;

  @IsOptional()
  @IsISO8601()
  desiredAt?: string;

  @IsOptional()
  @ValidateNested()
  @Type(() => Actor)
  desiredBy?: Actor;

  /** With `desired`: `device` is its own value, the others are defaults. */
  @IsOptional()
  @IsIn(VALUE_ORIGINS)
  origin?: ValueOrigin;

  @IsOptional()
  @AnyJson()
  reported?: JsonValue;

  @IsOptional()
  @IsISO8601()
  reportedAt?: string;

  /** Desired and reported are both there and equal as JSON. */
  @IsBoolean()
  inSync!: boolean;
}

const REJECTION = {
  properties: {
    statusCode: { type: 'integer' },
    reasonPhrase: { type: 'string' },
    at: { type: 'string', format: 'date-time' },
  },
  required: ['statusCode', 'at'],
};

export class ConfigurationView {
  @IsString()
  deviceId!: string;

  /** Version of the device's stream at the last change of the desired values; the `ETag`. 0: never changed. */
  @IsInt()
  version!: number;

  /** First 32 hex digits of the SHA-256 of the document's canonical JSON; "" without desired values. */
  @IsString()
  configId!: string;

  @IsIn(SYNC_STATES)
  syncState!: SyncState;

  /** Why the device refused the current document; only with `rejected`. */
  @IsOptional()
  @Described(() => REJECTION)
  @IsObject()
  rejection?: { statusCode: number; reasonPhrase?: string; at: string };

  /** Key → its desired and reported value. */
  @ValuesAre(ConfigurationKeyView)
  @IsObject()
  keys!: Record<string, ConfigurationKeyView>;
}

/** As it is, or with one of `version` and `at` as it was: what the stream makes of it up to there. */
export class GetConfiguration extends TenantRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  /** Version of the device's stream, as in the history: after that event, and at its time. 0: before the first. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(2_147_483_647)
  version?: number;

  /** After the last event that was not later. A time to come is now. */
  @IsOptional()
  @IsTime()
  at?: string;
}

export class ChangeDesired extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  /**
   * `merge`: RFC 7396 per key, into the value in effect; null removes the device's own value, and its default is in effect
   * again. `replace`: own values that are not named are removed likewise.
   */
  @IsIn(['merge', 'replace'])
  mode!: 'merge' | 'replace';

  /** Key → text, number, boolean, object or array. */
  @IsObject()
  desired!: Record<string, JsonValue>;

  @IsOptional()
  @IsText(500)
  reason?: string;
}

export class DesiredChanged {
  @IsInt()
  version!: number;

  @IsString()
  configId!: string;

  @IsIn(SYNC_STATES)
  syncState!: SyncState;
}

export class ReofferConfiguration extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  @IsOptional()
  @IsText(500)
  reason?: string;
}

export const HISTORY_KINDS = [
  'desired',
  'reported',
  'applied',
  'rejected',
  'dispatched',
  'reoffered',
] as const;
export type HistoryKind = (typeof HISTORY_KINDS)[number];

export class HistoryItem {
  @IsISO8601()
  at!: string;

  @IsIn(HISTORY_KINDS)
  kind!: HistoryKind;

  /** With `desired` and `reported`: one item per key. */
  @IsOptional()
  @IsString()
  key?: string;

  /** Value before; absent: there was none. */
  @IsOptional()
  @AnyJson()
  from?: JsonValue;

  /** Value after; absent: removed. */
  @IsOptional()
  @AnyJson()
  to?: JsonValue;

  /** With `desired` and `to`: the device's own value, or whose default. With `from` equal to `to` only this changed. */
  @IsOptional()
  @IsIn(VALUE_ORIGINS)
  origin?: ValueOrigin;

  @ValidateNested()
  @Type(() => Actor)
  source!: Actor;

  @IsString()
  configId!: string;

  @IsInt()
  version!: number;

  /** The change's reason, or why the device refused. */
  @IsOptional()
  @IsString()
  reason?: string;

  /** With `rejected`. */
  @IsOptional()
  @IsNumber()
  statusCode?: number;

  /** With `dispatched`: somebody was subscribed. */
  @IsOptional()
  @IsBoolean()
  subscriber?: boolean;

  /** With `applied`: confirmed only by asking with that configId. */
  @IsOptional()
  @IsBoolean()
  implicit?: boolean;

  /** How the device was reached, or what it said it by. */
  @IsOptional()
  @IsIn(INTERFACES)
  interface?: DeviceInterface;

  /**
   * With `desired`: when the device first confirmed the document that the change made, before another one replaced it. The
   * time of the change itself where the device had confirmed that very document before and was sent no other since.
   * Absent: it has not.
   */
  @IsOptional()
  @IsISO8601()
  confirmedAt?: string;
}

/** Newest first. */
export class ListHistory extends CursorRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  @IsOptional()
  @IsString()
  @Length(1, 255)
  key?: string;

  /** Inclusive. */
  @IsOptional()
  @IsTime()
  from?: string;

  /** Exclusive. */
  @IsOptional()
  @IsTime()
  to?: string;
}

export class HistoryPage {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => HistoryItem)
  items!: HistoryItem[];

  @ValidateIf((page: HistoryPage) => page.nextCursor !== null)
  @IsString()
  nextCursor!: string | null;
}

export const getConfiguration = defineRequest({
  subject: 'muster.v1.service.configuration.device.get',
  request: GetConfiguration,
  reply: ConfigurationView,
  errors: ['device-not-found', 'configuration-version-not-found', 'invalid-request'],
  idempotent: true,
});

/** Same values again: nothing happens, the answer is the same. */
export const changeDesired = defineRequest({
  subject: 'muster.v1.service.configuration.desired.change',
  request: ChangeDesired,
  reply: DesiredChanged,
  errors: [
    'device-not-found',
    'invalid-configuration',
    'configuration-too-large',
    'version-mismatch',
    'concurrent-change',
  ],
  idempotent: true,
});

/**
 * The current document is offered once more, to a device that refused it or has not confirmed it. Nothing happens when it
 * was applied, or is on offer and was not sent since.
 */
export const reofferConfiguration = defineRequest({
  subject: 'muster.v1.service.configuration.document.reoffer',
  request: ReofferConfiguration,
  reply: DesiredChanged,
  errors: ['device-not-found', 'version-mismatch', 'concurrent-change'],
  idempotent: true,
});

export const listConfigurationHistory = defineRequest({
  subject: 'muster.v1.service.configuration.history.list',
  request: ListHistory,
  reply: HistoryPage,
  errors: ['device-not-found', 'invalid-request'],
  idempotent: true,
});

export class EraseHistory extends TenantRequest {
  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;

  @IsString()
  @Length(1, 64)
  deviceId!: string;
}

/**
 * Removes for good what is stored of the configuration of a deleted device, its history and its past with it. What was
 * published stays in the stream as long as that keeps it. Nothing there (any more): done.
 */
export const eraseConfigurationHistory = defineRequest({
  subject: 'muster.v1.service.configuration.history.erase',
  request: EraseHistory,
  reply: Done,
  errors: ['device-exists'],
  idempotent: true,
});

// ---- for adapters ---------------------------------------------------------------------------------------------------

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
