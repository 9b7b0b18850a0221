import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsInt,
  IsISO8601,
  IsObject,
  IsOptional,
  IsString,
  Max,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { JSON_VALUE, ValuesAre } from '../described.js';
import { Done, type JsonObject } from '../fields.js';
import { DeviceKey } from './documents.requests.js';

// For device-registry, which keeps beside its devices what filters ask of their configuration.

export class AwaitPublished {
  /** How long the answer may take; a little less than whoever asks waits for it. */
  @IsInt()
  @Min(1)
  @Max(60_000)
  withinMs!: number;
}

/**
 * Resolves when everything that the service had acknowledged before the request is published to its stream. Whoever follows
 * the stream and has handled it to its end of that moment has it all. `unavailable` when that takes longer than
 * `withinMs`: a long transaction in the database, or a bus that is away, keeps the relay waiting.
 */
export const awaitConfigurationPublished = defineRequest({
  subject: 'muster.v1.service.configuration.events.await',
  request: AwaitPublished,
  reply: Done,
  errors: [],
  idempotent: true,
});

export class DispatchedDocument {
  @IsString()
  configId!: string;

  /** null: nobody has taken it yet. */
  @ValidateIf(({ reachedAt }: DispatchedDocument) => reachedAt !== null)
  @IsISO8601()
  reachedAt!: string | null;
}

export class ConfirmedDocument {
  @IsString()
  configId!: string;

  @IsBoolean()
  rejected!: boolean;
}

/** All that filters know of a device's configuration, as of `version`, which is that of the last event in it. */
export class ConfigurationState extends DeviceKey {
  /** 0: nothing was ever known of it. */
  @IsInt()
  version!: number;

  @ValuesAre(JSON_VALUE)
  @IsObject()
  desired!: JsonObject;

  @ValuesAre(JSON_VALUE)
  @IsObject()
  reported!: JsonObject;

  @IsString()
  configId!: string;

  @ValidateIf(({ dispatched }: ConfigurationState) => dispatched !== null)
  @ValidateNested()
  @Type(() => DispatchedDocument)
  dispatched!: DispatchedDocument | null;

  @ValidateIf(({ confirmation }: ConfigurationState) => confirmation !== null)
  @ValidateNested()
  @Type(() => ConfirmedDocument)
  confirmation!: ConfirmedDocument | null;
}

export class ListConfigurationStates {
  /** `next` of the reply before. */
  @IsOptional()
  @ValidateNested()
  @Type(() => DeviceKey)
  after?: DeviceKey;

  @IsInt()
  @Min(1)
  @Max(500)
  limit!: number;
}

export class ConfigurationStatePage {
  /** Ascending by tenant and device; not those of deleted devices. */
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => ConfigurationState)
  items!: ConfigurationState[];

  /** Null: these were the last. */
  @ValidateIf(({ next }: ConfigurationStatePage) => next !== null)
  @ValidateNested()
  @Type(() => DeviceKey)
  next!: DeviceKey | null;
}

export class FindConfigurationStates {
  @IsArray()
  @ArrayMaxSize(500)
  @ValidateNested({ each: true })
  @Type(() => DeviceKey)
  devices!: DeviceKey[];
}

export class FoundConfigurationStates {
  /** Not those of deleted devices. */
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => ConfigurationState)
  items!: ConfigurationState[];

  /** Did not fit: to be asked for again. */
  @IsOptional()
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => DeviceKey)
  askAgain?: DeviceKey[];
}

/** Of all tenants and devices, page by page. */
export const listConfigurationStates = defineRequest({
  subject: 'muster.v1.service.configuration.state.list',
  request: ListConfigurationStates,
  reply: ConfigurationStatePage,
  errors: [],
  idempotent: true,
});

export const findConfigurationStates = defineRequest({
  subject: 'muster.v1.service.configuration.state.find',
  request: FindConfigurationStates,
  reply: FoundConfigurationStates,
  errors: [],
  idempotent: true,
});
