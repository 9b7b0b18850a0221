import { ArrayMaxSize, IsArray, IsInt, IsOptional, IsString, Length, Min } from 'class-validator';
import { defineRequest } from '../contract.js';
import { Done, TenantRequest } from '../fields.js';
import { MAX_HUB_DEVICE_TYPES } from '../iothub-adapter/hubs.requests.js';

/** An IoT Hub as it stands from a version of it on. */
export class LearnHub extends TenantRequest {
  @IsString()
  @Length(1, 64)
  hubId!: string;

  /** Of what is newer already, nothing is taken back. */
  @IsInt()
  @Min(1)
  version!: number;

  /** Ids; empty: all that no other hub of the tenant names. Absent: it is removed. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(MAX_HUB_DEVICE_TYPES)
  @IsString({ each: true })
  deviceTypes?: string[];
}

/**
 * What the events of hubs tell as well, a moment later: so that who was told that there is a hub can make devices for it at
 * once.
 */
export const learnHub = defineRequest({
  subject: 'muster.v1.service.device-registry.iot-hub.learn',
  request: LearnHub,
  reply: Done,
  errors: [],
  idempotent: true,
});
