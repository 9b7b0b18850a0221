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
  MaxLength,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { AnyJson, Described } from '../described.js';
import { CursorRequest, IsFilter, Page, PageRequest, TenantRequest, type JsonValue } from '../fields.js';

/** Devices that are all looked at for what values and keys there are; of more a sample is. */
export const SAMPLED_DEVICES = 20_000;
/** Keys of a field, and names and versions of a summary: the most frequent ones. */
export const MAX_KNOWN_KEYS = 200;
export const MAX_COUNTED = 50;

export const FILTER_KINDS = [
  'text',
  'path',
  'number',
  'boolean',
  'time',
  'list',
  'json',
  'reference',
] as const;
export type FilterKind = (typeof FILTER_KINDS)[number];

export class FilterField {
  /** As it is written in filters; with `.<key>` at the end, a key is put in its place. */
  @IsString()
  name!: string;

  /**
   * `path`: a text in which `/a/*` also means `/a`; `list`: of texts; `json`: compared by the kind of what is stored;
   * `reference`: the name of something else, as of a group.
   */
  @IsIn(FILTER_KINDS)
  kind!: FilterKind;

  /** As they are written. */
  @IsArray()
  @IsString({ each: true })
  operators!: string[];

  /** Those of the operators that an index answers; the others read device after device. */
  @IsArray()
  @IsString({ each: true })
  indexed!: string[];

  /** All the values there can be; absent: any. */
  @IsOptional()
  @IsArray()
  @IsString({ each: true })
  values?: string[];

  /** Of a field with keys: those that devices have, the most frequent first, at most 200. */
  @IsOptional()
  @IsArray()
  @IsString({ each: true })
  keys?: string[];

  /** With `keys`: there are no others. */
  @IsOptional()
  @IsBoolean()
  complete?: boolean;
}

export class FilterFields extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => FilterField)
  items!: FilterField[];
}

export class ListFilterFields extends PageRequest {}

export class ListFilterValues extends CursorRequest {
  /** As it is written in filters: `folder`, `metadata.region`. */
  @IsString()
  @Length(1, 320)
  field!: string;

  /** Only values that begin so; upper and lower case differ. */
  @IsOptional()
  @IsString()
  @MaxLength(255)
  prefix?: string;
}

export class FilterValue {
  /** A text; of a field with keys also a number, true, false or null. */
  @AnyJson()
  value!: JsonValue;

  /** Devices that have it, of those that were looked at. */
  @IsInt()
  devices!: number;
}

/** Without a total: to count them is to list them. */
export class FilterValues extends Page {
  /** The most frequent first. */
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => FilterValue)
  items!: FilterValue[];

  /** There are no others behind these. Not so where there is another page, or where only some of very many devices were looked at. */
  @IsBoolean()
  complete!: boolean;
}

export class SummarizeFleet extends TenantRequest {
  /** Default: all devices. */
  @IsOptional()
  @IsFilter()
  filter?: string;
}

const COUNTS = { additionalProperties: { type: 'integer' } };

export class CountedName {
  @IsString()
  name!: string;

  @IsInt()
  devices!: number;
}

export class CountedAppVersion extends CountedName {
  @IsString()
  deviceType!: string;
}

export class CountedSoftware {
  /** Name of the firmware type; `default` for the first of the device type. */
  @IsString()
  software!: string;

  @IsString()
  version!: string;

  @IsInt()
  devices!: number;
}

export class CountedConnectivity {
  @IsInt()
  connected!: number;

  /** Was heard before, and is not connected. */
  @IsInt()
  disconnected!: number;

  /** Neither connected nor ever heard. */
  @IsInt()
  neverSeen!: number;

  /** Was heard, and comes over HTTP: nobody can know. */
  @IsInt()
  unknown!: number;
}

/** How many devices a filter means, by what they are. Lists have the most frequent, at most 50. */
export class FleetSummary {
  @IsInt()
  total!: number;

  @ValidateNested()
  @Type(() => CountedConnectivity)
  connectivity!: CountedConnectivity;

  /** Sync state → devices; all of them are there. */
  @Described(() => COUNTS)
  @IsObject()
  syncStates!: Record<string, number>;

  /** Interface → devices. */
  @Described(() => COUNTS)
  @IsObject()
  interfaces!: Record<string, number>;

  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => CountedName)
  deviceTypes!: CountedName[];

  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => CountedAppVersion)
  appVersions!: CountedAppVersion[];

  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => CountedSoftware)
  software!: CountedSoftware[];

  /** As of the list of devices. */
  @IsOptional()
  @IsISO8601()
  stateAsOf?: string;

  @IsOptional()
  @IsNumber()
  stateLagSeconds?: number;
}

/** What devices can be filtered by, with the keys that they have. */
export const listFilterFields = defineRequest({
  subject: 'muster.v1.service.device-registry.filter-field.list',
  request: ListFilterFields,
  reply: FilterFields,
  errors: ['invalid-request', 'filter-too-slow'],
  idempotent: true,
});

/** Which values of a field there are, for whoever writes a filter. Refuses fields that cannot be listed: ids and times. */
export const listFilterValues = defineRequest({
  subject: 'muster.v1.service.device-registry.filter-value.list',
  request: ListFilterValues,
  reply: FilterValues,
  errors: ['invalid-request', 'filter-too-slow'],
  idempotent: true,
});

/** Every device that the filter means is counted: ask with a `timeoutMs` of 10,000. */
export const summarizeFleet = defineRequest({
  subject: 'muster.v1.service.device-registry.fleet.summarize',
  request: SummarizeFleet,
  reply: FleetSummary,
  errors: ['invalid-filter', 'filter-too-slow'],
  idempotent: true,
});
