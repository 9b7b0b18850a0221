import { Type } from 'class-transformer';
import {
  IsBoolean,
  IsIn,
  IsInt,
  IsISO8601,
  IsObject,
  IsOptional,
  IsString,
  ValidateNested,
} from 'class-validator';
import { definePublished } from '../contract.js';
import { INTERFACES, type DeviceInterface } from '../device-registry/devices.requests.js';
import { Actor, type JsonValue } from '../fields.js';

/** What every configuration event carries. `version` rises by one with every event of that device's stream. */
export class ConfigurationFact {
  @IsString()
  deviceId!: string;

  @IsInt()
  version!: number;

  @IsISO8601()
  at!: string;

  @IsString()
  configId!: string;

  @ValidateNested()
  @Type(() => Actor)
  source!: Actor;
}

/** Key → value before and after; an absent side means "no value". */
export type ValueChanges = Record<string, { from?: JsonValue; to?: JsonValue }>;

export class DesiredConfigurationChanged extends ConfigurationFact {
  @IsObject()
  changes!: ValueChanges;

  @IsOptional()
  @IsString()
  reason?: string;
}

/** The same document is offered to the device once more. */
export class ConfigurationReoffered extends ConfigurationFact {
  @IsOptional()
  @IsString()
  reason?: string;
}

export class ConfigurationDispatched extends ConfigurationFact {
  @IsIn(INTERFACES)
  interface!: DeviceInterface;

  @IsBoolean()
  subscriber!: boolean;
}

export class ConfigurationApplied extends ConfigurationFact {
  @IsBoolean()
  implicit!: boolean;
}

export class ConfigurationRejected extends ConfigurationFact {
  @IsInt()
  statusCode!: number;

  @IsOptional()
  @IsString()
  reasonPhrase?: string;
}

/** A key whose `from` and `to` are equal: the device stated it again after it was sent a document. */
export class ReportedStateChanged extends ConfigurationFact {
  @IsObject()
  changes!: ValueChanges;

  /** True: the device said so itself. False: it applied a document that holds these values. Absent: it is not known. */
  @IsOptional()
  @IsBoolean()
  stated?: boolean;

  @IsIn(INTERFACES)
  interface!: DeviceInterface;
}

const service = 'configuration';
const schemaVersion = 1;

export const desiredConfigurationChanged = definePublished({
  service,
  entity: 'desired-configuration',
  verb: 'changed',
  schemaVersion,
  data: DesiredConfigurationChanged,
});

/** Under the same entity as the change: who sends documents follows both with one filter, and nothing else. */
export const configurationReoffered = definePublished({
  service,
  entity: 'desired-configuration',
  verb: 'reoffered',
  schemaVersion,
  data: ConfigurationReoffered,
});

export const configurationDispatched = definePublished({
  service,
  entity: 'configuration',
  verb: 'dispatched',
  schemaVersion,
  data: ConfigurationDispatched,
});

export const configurationApplied = definePublished({
  service,
  entity: 'configuration',
  verb: 'applied',
  schemaVersion,
  data: ConfigurationApplied,
});

export const configurationRejected = definePublished({
  service,
  entity: 'configuration',
  verb: 'rejected',
  schemaVersion,
  data: ConfigurationRejected,
});

export const reportedStateChanged = definePublished({
  service,
  entity: 'reported-state',
  verb: 'changed',
  schemaVersion,
  data: ReportedStateChanged,
});
