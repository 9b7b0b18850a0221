import { Type } from 'class-transformer';
import { IsIn, IsInt, IsISO8601, IsOptional, IsString, ValidateNested } from 'class-validator';
import { definePublished } from '../contract.js';
import { INTERFACES, type DeviceInterface } from '../device-registry/devices.requests.js';
import { Actor, type JsonValue } from '../fields.js';

/**
 * What every event of a command carries; the entity id is the device's. A device's commands of one type are one stream:
 * `version` rises by one or more with every event of the same `deviceId` and `commandType`, and is not comparable across
 * types.
 */
export class CommandFact {
  @IsString()
  deviceId!: string;

  /** `id` in the REST API. */
  @IsString()
  commandId!: string;

  @IsString()
  commandType!: string;

  /** The `id` the device sees. */
  @IsInt()
  number!: number;

  @IsInt()
  version!: number;

  @IsISO8601()
  at!: string;

  @ValidateNested()
  @Type(() => Actor)
  source!: Actor;
}

export class CommandCreated extends CommandFact {
  /** Any JSON value; absent: none. */
  @IsOptional()
  payload?: JsonValue;

  @IsISO8601()
  expiresAt!: string;
}

/** Given to the device. */
export class CommandSent extends CommandFact {
  @IsIn(INTERFACES)
  interface!: DeviceInterface;
}

/** The device's answer. */
export class CommandAnswered extends CommandFact {
  @IsInt()
  statusCode!: number;

  @IsOptional()
  @IsString()
  reasonPhrase?: string;

  /** Any JSON value; absent: the device sent none. */
  @IsOptional()
  result?: JsonValue;
}

export class CommandEndedUnanswered extends CommandFact {}

const declared = { service: 'commands', entity: 'command', schemaVersion: 1 };

export const commandCreated = definePublished({ ...declared, verb: 'created', data: CommandCreated });

/** Given to the device for the first time: it asked, or somebody was there for the push. */
export const commandSent = definePublished({ ...declared, verb: 'sent', data: CommandSent });

/** Answered with 2xx. */
export const commandExecuted = definePublished({ ...declared, verb: 'executed', data: CommandAnswered });

/** Answered with anything else. */
export const commandFailed = definePublished({ ...declared, verb: 'failed', data: CommandAnswered });

/** `at` is the command's `expiresAt`; the event may come a second or so later. */
export const commandExpired = definePublished({ ...declared, verb: 'expired', data: CommandEndedUnanswered });

/** By an operator, or because the device was deleted. */
export const commandCancelled = definePublished({
  ...declared,
  verb: 'cancelled',
  data: CommandEndedUnanswered,
});

/** The device's answer came when the command was expired or cancelled already; it stays that. */
export const commandAnsweredLate = definePublished({
  ...declared,
  verb: 'answered-late',
  data: CommandAnswered,
});
