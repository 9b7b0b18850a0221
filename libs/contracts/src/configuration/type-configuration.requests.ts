import { Type } from 'class-transformer';
import {
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  Length,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { Described, JSON_VALUE, NullRemoves, type RefTo, ValuesAre } from '../described.js';
import { ChangeRequest, TenantRequest, type JsonObject, type JsonValue } from '../fields.js';

/** Whether devices of a type may have keys that the type does not declare. */
export const UNDECLARED_KEYS = ['allowed', 'refused'] as const;
export type UndeclaredKeys = (typeof UNDECLARED_KEYS)[number];

/** Absent: the service's own limit, which none may be above. */
export class TypeLimits {
  @IsOptional()
  @IsInt()
  @Min(1)
  documentBytes?: number;

  @IsOptional()
  @IsInt()
  @Min(1)
  valueBytes?: number;

  @IsOptional()
  @IsInt()
  @Min(1)
  keys?: number;
}

/** Merge: what is absent stays, null takes it back. */
export class TypeLimitsEdit {
  @IsOptional()
  @NullRemoves()
  @IsInt()
  @Min(1)
  documentBytes?: number | null;

  @IsOptional()
  @NullRemoves()
  @IsInt()
  @Min(1)
  valueBytes?: number | null;

  @IsOptional()
  @NullRemoves()
  @IsInt()
  @Min(1)
  keys?: number | null;
}

/** A key that a device type declares. `schema`: JSON Schema, draft 2020-12, of its value. */
export interface DeclaredKey {
  schema: JsonValue;
}

const DECLARED_KEY = {
  type: 'object',
  properties: { schema: { type: ['object', 'boolean'], description: 'JSON Schema, draft 2020-12.' } },
  required: ['schema'],
};

const defaultsOf = (refTo: RefTo): object => ({
  type: 'object',
  properties: { defaults: { type: 'object', additionalProperties: refTo(JSON_VALUE) } },
  required: ['defaults'],
});

export class TypeConfigurationView {
  @IsString()
  deviceTypeId!: string;

  /** Raised by every change; the `ETag`. 0: never changed. */
  @IsInt()
  version!: number;

  /** Key → what its value must be. */
  @Described(() => ({ additionalProperties: DECLARED_KEY }))
  @IsObject()
  keys!: Record<string, DeclaredKey>;

  @IsIn(UNDECLARED_KEYS)
  undeclaredKeys!: UndeclaredKeys;

  /** Those in force: the type's own, or else the service's. */
  @ValidateNested()
  @Type(() => TypeLimits)
  limits!: TypeLimits;

  /** Key → value for every device of the type whose app version has no default of its own for the key. */
  @ValuesAre(JSON_VALUE)
  @IsObject()
  defaults!: JsonObject;

  /** Name → defaults of that app version; versions without defaults are absent. */
  @Described((refTo) => ({ additionalProperties: defaultsOf(refTo) }))
  @IsObject()
  appVersions!: Record<string, { defaults: JsonObject }>;
}

export class TypeConfigurationEdit {
  /** Key → `{schema}`, which replaces the key's schema; null: no longer declared. */
  @IsOptional()
  @Described(() => ({ additionalProperties: { anyOf: [DECLARED_KEY, { type: 'null' }] } }))
  @IsObject()
  keys?: Record<string, DeclaredKey | null>;

  /** Default: `allowed`. */
  @IsOptional()
  @NullRemoves()
  @IsIn(UNDECLARED_KEYS)
  undeclaredKeys?: UndeclaredKeys | null;

  /** null: none of the type's own. */
  @IsOptional()
  @NullRemoves()
  @ValidateNested()
  @Type(() => TypeLimitsEdit)
  limits?: TypeLimitsEdit | null;
}

export class GetTypeConfiguration extends TenantRequest {
  /** Id or name. */
  @IsString()
  @Length(1, 64)
  deviceType!: string;
}

export class EditTypeConfiguration extends ChangeRequest {
  /** Id or name. */
  @IsString()
  @Length(1, 64)
  deviceType!: string;

  @ValidateNested()
  @Type(() => TypeConfigurationEdit)
  edit!: TypeConfigurationEdit;
}

export class ChangeDefaults extends ChangeRequest {
  /** Id or name. */
  @IsString()
  @Length(1, 64)
  deviceType!: string;

  /** Name of one of the type's app versions; absent: the type's own defaults. */
  @IsOptional()
  @IsString()
  @Length(1, 64)
  appVersion?: string;

  /** `merge`: RFC 7396 per key, null removes. `replace`: what is not named is removed. */
  @IsIn(['merge', 'replace'])
  mode!: 'merge' | 'replace';

  @IsObject()
  defaults!: JsonObject;
}

export class DefaultsChanged {
  /** Of the type's configuration. */
  @IsInt()
  version!: number;

  /** The job that gives the defaults to the devices; null: nothing changed. */
  @ValidateIf((changed: DefaultsChanged) => changed.jobId !== null)
  @IsString()
  jobId!: string | null;
}

export const getTypeConfiguration = defineRequest({
  subject: 'muster.v1.service.configuration.device-type.get',
  request: GetTypeConfiguration,
  reply: TypeConfigurationView,
  errors: ['device-type-not-found'],
  idempotent: true,
});

/** What devices have already stays as it is: only what is changed afterwards must keep the new rules. */
export const editTypeConfiguration = defineRequest({
  subject: 'muster.v1.service.configuration.device-type.edit',
  request: EditTypeConfiguration,
  reply: TypeConfigurationView,
  errors: [
    'device-type-not-found',
    'invalid-configuration',
    'configuration-too-large',
    'version-mismatch',
    'concurrent-change',
  ],
  idempotent: true,
});

/** Accepted when stored; the devices get the change by the job. Same values again: nothing happens. */
export const changeDefaults = defineRequest({
  subject: 'muster.v1.service.configuration.defaults.change',
  request: ChangeDefaults,
  reply: DefaultsChanged,
  errors: [
    'device-type-not-found',
    'app-version-not-found',
    'invalid-configuration',
    'configuration-too-large',
    'version-mismatch',
    'concurrent-change',
  ],
  idempotent: true,
});
