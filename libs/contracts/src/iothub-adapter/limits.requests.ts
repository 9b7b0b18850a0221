import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsInt,
  IsISO8601,
  IsOptional,
  IsString,
  Length,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { TenantRequest } from '../fields.js';

export class ListLimitedHubs extends TenantRequest {
  /** Absent: all devices of the tenant. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(500)
  @IsString({ each: true })
  @Length(1, 64, { each: true })
  deviceIds?: string[];
}

/** A hub that may be told what its devices should be only as fast as its throttle allows, which is slower than it comes. */
export class LimitedHub {
  @IsString()
  id!: string;

  @IsString()
  name!: string;

  /** Documents that wait for their turn; of all devices in the hub. */
  @IsInt()
  waiting!: number;

  /** When the last of them has its turn, as far as is known now. */
  @IsISO8601()
  until!: string;
}

export class LimitedHubs {
  /** The one that takes longest first. */
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => LimitedHub)
  items!: LimitedHub[];
}

/** Hubs in whose queue at least one of these devices is. */
export const listLimitedHubs = defineRequest({
  subject: 'muster.v1.service.iothub-adapter.hub.list-limited',
  request: ListLimitedHubs,
  reply: LimitedHubs,
  errors: [],
  idempotent: true,
});
