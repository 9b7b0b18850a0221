import { Type } from 'class-transformer';
import {
  IsArray,
  IsBoolean,
  IsIn,
  IsISO8601,
  IsOptional,
  IsString,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { DeviceRef } from '../device-registry/devices.requests.js';
import { Actor } from '../fields.js';

export const IDENTITY_STATES = ['made', 'due', 'failing'] as const;
export type IdentityState = (typeof IDENTITY_STATES)[number];

/** What somebody else has changed of the desired properties of a device's twin. */
export class ForeignChange {
  /** By the hub. */
  @IsISO8601()
  at!: string;

  /** At the top of the desired properties, at most 20. `muster` is what the platform writes there. */
  @IsArray()
  @IsString({ each: true })
  keys!: string[];

  /** It was in `muster`, and was put back. What is elsewhere stays. */
  @IsBoolean()
  undone!: boolean;
}

/** A device as its IoT Hub knows it, or is to. */
export class HubDevice {
  @IsString()
  hubId!: string;

  @IsString()
  hub!: string;

  @IsString()
  hostName!: string;

  /** Its id in the hub: its endpoint token. */
  @IsString()
  hubDeviceId!: string;

  /** `made`: the hub has what is wanted; `due`: not yet; `failing`: the hub did not take it, and it is tried again. */
  @IsIn(IDENTITY_STATES)
  identity!: IdentityState;

  /** What the hub has said. */
  @IsOptional()
  @IsString()
  fault?: string;

  @IsOptional()
  @IsISO8601()
  faultAt?: string;

  /** As the hub tells; null: it has told nothing of it. */
  @ValidateIf(({ connected }: HubDevice) => connected !== null)
  @IsBoolean()
  connected!: boolean | null;

  /** The last one. Absent: none was told. */
  @IsOptional()
  @ValidateNested()
  @Type(() => ForeignChange)
  foreignChange?: ForeignChange;
}

export class ReadHubConnectionString extends DeviceRef {
  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;
}

/** What a device connects with. */
export class HubConnectionString {
  /** With the primary key that the hub has made, or `x509=true` for one that is let in by a certificate. */
  @IsString()
  connectionString!: string;
}

/** Of a device with several endpoint tokens: of the first of them. */
export const getHubDevice = defineRequest({
  subject: 'muster.v1.service.iothub-adapter.device.get',
  request: DeviceRef,
  reply: HubDevice,
  errors: ['iot-hub-device-not-found'],
  idempotent: true,
});

/** Asks the hub, which alone has the key; that it was read is on record. */
export const readHubConnectionString = defineRequest({
  subject: 'muster.v1.service.iothub-adapter.device.read-connection-string',
  request: ReadHubConnectionString,
  reply: HubConnectionString,
  errors: ['iot-hub-device-not-found', 'iot-hub-unusable', 'iot-hubs-not-set-up'],
  idempotent: true,
});
