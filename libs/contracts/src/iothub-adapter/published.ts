import { Type } from 'class-transformer';
import { IsArray, IsInt, IsISO8601, IsString, ValidateNested } from 'class-validator';
import { definePublished } from '../contract.js';
import { Actor } from '../fields.js';

/** What every event of an IoT Hub carries. `version` rises by one with every event of that hub. Its key is in none of them. */
export class HubFact {
  @IsString()
  hubId!: string;

  @IsInt()
  version!: number;

  @IsISO8601()
  at!: string;

  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;
}

/** What is known of it from then on. */
export class HubAdded extends HubFact {
  @IsString()
  name!: string;

  @IsString()
  hostName!: string;

  /** Tells keys apart, and no more. */
  @IsString()
  keyFingerprint!: string;

  /** Ids. Empty: all that no other hub of the tenant names. */
  @IsArray()
  @IsString({ each: true })
  deviceTypes!: string[];
}

export class HubChanged extends HubAdded {}

export class HubRemoved extends HubFact {}

const declared = { service: 'iothub-adapter', entity: 'iot-hub', schemaVersion: 1 };

export const hubAdded = definePublished({ ...declared, verb: 'added', data: HubAdded });

export const hubChanged = definePublished({ ...declared, verb: 'changed', data: HubChanged });

export const hubRemoved = definePublished({ ...declared, verb: 'removed', data: HubRemoved });
