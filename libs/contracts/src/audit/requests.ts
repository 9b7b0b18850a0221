import { Type } from 'class-transformer';
import {
  IsArray,
  IsInt,
  IsISO8601,
  IsOptional,
  IsString,
  Length,
  Max,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { defineRequest, type RequestContract } from '../contract.js';
import { Actor, IsFilter, IsTime, MAX_PAGE, TenantRequest } from '../fields.js';

/** Where an act is among those of its service, the newest first. */
export class ActPlace {
  /** When it was recorded, Unix microseconds. */
  @IsInt()
  at!: number;

  /** Tells apart what was recorded at the same time. */
  @IsInt()
  position!: number;
}

/** What something was done to. */
export class ActResource {
  /** `device`, `campaign`, `device-type`, `job`, … */
  @IsString()
  kind!: string;

  @IsString()
  id!: string;

  /** As it is called now; absent where it has no name, or is gone. */
  @IsOptional()
  @IsString()
  name?: string;
}

export class ActFacts {
  /** By the clock of the database. */
  @IsISO8601()
  at!: string;

  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;

  /** What was done, as a fact: `DeviceRenamed`. */
  @IsString()
  action!: string;

  @ValidateNested()
  @Type(() => ActResource)
  resource!: ActResource;

  /** It was done as a part of this job. */
  @IsOptional()
  @IsString()
  jobId?: string;

  /** Finds it in the logs. */
  @IsOptional()
  @IsString()
  traceId?: string;
}

export class Act extends ActFacts {
  @ValidateNested()
  @Type(() => ActPlace)
  place!: ActPlace;
}

/** The acts of one service, the newest first. */
export class ListActs extends TenantRequest {
  /** Of `actor`, `actorKind`, `action`, `resource`, `resourceId`, `service`, `traceId`. */
  @IsOptional()
  @IsFilter()
  filter?: string;

  /** All that was done to this device, by campaigns, bulk acts and defaults too. */
  @IsOptional()
  @IsString()
  @Length(1, 64)
  deviceId?: string;

  /** Inclusive. */
  @IsOptional()
  @IsTime()
  from?: string;

  /** Exclusive. */
  @IsOptional()
  @IsTime()
  to?: string;

  /** Only what is further back. */
  @IsOptional()
  @ValidateNested()
  @Type(() => ActPlace)
  before?: ActPlace;

  @IsInt()
  @Min(1)
  @Max(MAX_PAGE)
  limit!: number;
}

export class ActList {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => Act)
  items!: Act[];

  /** Up to where it was read; null: there is nothing further back. A page may hold fewer than `limit`, and go on. */
  @ValidateIf((list: ActList) => list.readTo !== null)
  @ValidateNested()
  @Type(() => ActPlace)
  readTo!: ActPlace | null;
}

const actsOf = (service: string): RequestContract<ListActs, ActList> =>
  defineRequest({
    subject: `muster.v1.service.${service}.act.list`,
    request: ListActs,
    reply: ActList,
    errors: ['invalid-request', 'invalid-filter'],
    idempotent: true,
  });

export const listCampaignActs = actsOf('campaign-orchestrator');
export const listCommandActs = actsOf('commands');
export const listConfigurationActs = actsOf('configuration');
export const listRegistryActs = actsOf('device-registry');
export const listFirmwareActs = actsOf('firmware');
export const listIdentityActs = actsOf('identity');
export const listHubActs = actsOf('iothub-adapter');
export const listTelemetryActs = actsOf('telemetry');

/** Every service that has acts of people on record, by its name. */
export const ACTS_BY_SERVICE: Readonly<Record<string, RequestContract<ListActs, ActList>>> = {
  'campaign-orchestrator': listCampaignActs,
  commands: listCommandActs,
  configuration: listConfigurationActs,
  'device-registry': listRegistryActs,
  firmware: listFirmwareActs,
  identity: listIdentityActs,
  'iothub-adapter': listHubActs,
  telemetry: listTelemetryActs,
};
