import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { ChangeRequest } from '../fields.js';
import { EnrolledAs, MAX_ENROLLED } from './certificate-authorities.requests.js';

/** What lets an identity in at its hub, as credentials of the registry name it. */
export const HUB_CREDENTIALS = ['token', 'self-signed', 'ca-signed'] as const;
export type HubCredential = (typeof HUB_CREDENTIALS)[number];

/** An identity that an IoT Hub has, and no device here. */
export class EnrolHubDevice extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  hubId!: string;

  /** Becomes the device's name and endpoint token. */
  @IsString()
  @Length(1, 128)
  hubDeviceId!: string;

  @ValidateNested()
  @Type(() => EnrolledAs)
  device!: EnrolledAs;

  @IsIn(HUB_CREDENTIALS)
  credential!: HubCredential;

  /** Of kind `self-signed`: SHA-256 of its certificates, hexadecimal. */
  @IsArray()
  @ArrayMaxSize(2)
  @Matches(/^[0-9a-f]{64}$/, { each: true })
  sha256!: string[];

  /** By the rule of its hub: counted, held to `limit`, and waiting for approval where its type says so. False: an operator wants it. */
  @IsBoolean()
  byRule!: boolean;

  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_ENROLLED)
  limit?: number;
}

export class HubDeviceEnrolled {
  @IsString()
  deviceId!: string;

  /** False: there was one with this endpoint token in the tenant already. */
  @IsBoolean()
  isNew!: boolean;

  /** How many have enrolled by the rule of the hub in all. */
  @IsInt()
  enrolled!: number;
}

/** Makes the device of an identity, once, however often and by how many at once it is asked for. */
export const enrolHubDevice = defineRequest({
  subject: 'muster.v1.service.device-registry.iot-hub.enrol-device',
  request: EnrolHubDevice,
  reply: HubDeviceEnrolled,
  errors: [
    'invalid-request',
    'enrolment-limit-reached',
    'enrolment-refused',
    'device-exists',
    'concurrent-change',
  ],
  idempotent: true,
});
