import { Type } from 'class-transformer';
import {
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
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { AnyJson, Described, ValuesAre } from '../described.js';
import { INTERFACES, type DeviceInterface } from '../device-registry/devices.requests.js';
import {
  Actor,
  ChangeRequest,
  Done,
  IsText,
  IsTime,
  CursorRequest,
  TenantRequest,
  type JsonValue,
} from '../fields.js';
import { SYNC_STATES, type SyncState } from './sync-state.js';

export { SYNC_STATES, type SyncState };

/** Whose value a key has: the device's own always wins, then its app version's default, then its device type's. */
export const VALUE_ORIGINS = ['device', 'app-version', 'device-type'] as const;
export type ValueOrigin = (typeof VALUE_ORIGINS)[number];

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
