import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayNotEmpty,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsISO8601,
  IsOptional,
  IsString,
  Length,
  Matches,
  Min,
  ValidateNested,
} from 'class-validator';
import { DeviceKey, DueDevice } from '../configuration/documents.requests.js';
import { defineRequest } from '../contract.js';
import { AnyJson } from '../described.js';
import { INTERFACES, type DeviceInterface } from '../device-registry/devices.requests.js';
import {
  Actor,
  BulkOutcome,
  CreateRequest,
  Page,
  PageRequest,
  TenantRequest,
  type JsonValue,
} from '../fields.js';

/**
 * A level of a topic (1/KP): digits alone would be read as a request id, `status` and `error` are the ends of replies.
 */
export const COMMAND_TYPE_RULE = /^(?!\d+$|status$|error$)[A-Za-z0-9_-]{1,64}$/;
export const COMMAND_TYPE_MESSAGE = {
  message:
    'must be 1 to 64 letters, digits, hyphens and underscores, and neither a number nor status nor error',
};

/**
 * `pending` and `sent` are outstanding, the others are final. `sent`: it was given to the device, because it asked or by a
 * push that somebody was there for. `executed`: the device answered 2xx; `failed`: anything else.
 */
export const COMMAND_STATUSES = ['pending', 'sent', 'executed', 'failed', 'expired', 'cancelled'] as const;
export type CommandStatus = (typeof COMMAND_STATUSES)[number];

/** Neither answered nor past its expiry nor cancelled. */
export const isOutstanding = (status: CommandStatus): boolean => status === 'pending' || status === 'sent';

// ---- for operators --------------------------------------------------------------------------------------------------

export class CommandView {
  /**
   * Unique within the device, and opaque to callers: `<type>:<number>`, so that the one name is found in the REST API, in
   * events and, in its two parts, on the wire.
   */
  @IsString()
  id!: string;

  @IsString()
  deviceId!: string;

  @IsString()
  type!: string;

  /** The `id` the device sees (11/CEP): 1, 2, 3… per device and type, at most 2^31-1. */
  @IsInt()
  number!: number;

  /** A command past its `expiresAt` without a result is `expired`. */
  @IsIn(COMMAND_STATUSES)
  status!: CommandStatus;

  /** Null included; absent: the command has none. */
  @IsOptional()
  @AnyJson()
  payload?: JsonValue;

  @IsISO8601()
  createdAt!: string;

  @ValidateNested()
  @Type(() => Actor)
  createdBy!: Actor;

  @IsISO8601()
  expiresAt!: string;

  /** When it was first given to the device; absent: not yet, or nobody recorded it. */
  @IsOptional()
  @IsISO8601()
  sentAt?: string;

  /** When it became what `status` says; absent while it is outstanding. */
  @IsOptional()
  @IsISO8601()
  finishedAt?: string;

  /** What the device answered: with `executed` and `failed`, and where `late` is true. */
  @IsOptional()
  @IsInt()
  statusCode?: number;

  @IsOptional()
  @IsString()
  reasonPhrase?: string;

  /** The device's payload; absent: it sent none. */
  @IsOptional()
  @AnyJson()
  result?: JsonValue;

  /** When the device answered. */
  @IsOptional()
  @IsISO8601()
  answeredAt?: string;

  /** True: the device answered when the command was expired or cancelled already, and it stays that. Absent otherwise. */
  @IsOptional()
  @IsBoolean()
  late?: boolean;
}

export class CreateCommand extends CreateRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  @Matches(COMMAND_TYPE_RULE, COMMAND_TYPE_MESSAGE)
  type!: string;

  /** Any JSON value, by default at most 64 KB of it. */
  @IsOptional()
  @AnyJson()
  payload?: JsonValue;

  /** Default 60; by default at most 7 days. */
  @IsOptional()
  @IsInt()
  @Min(1)
  ttlSeconds?: number;
}

export class CommandRef extends TenantRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  @IsString()
  @Length(1, 80)
  commandId!: string;
}

export class CancelCommand extends CommandRef {
  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;
}

/** Newest first. */
export class ListCommands extends PageRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  @IsOptional()
  @IsIn(COMMAND_STATUSES)
  status?: CommandStatus;

  @IsOptional()
  @Matches(COMMAND_TYPE_RULE, COMMAND_TYPE_MESSAGE)
  type?: string;
}

export class CommandPage extends Page {
  /** May be fewer than `limit` although there are more: a page must fit in a message. */
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => CommandView)
  items!: CommandView[];
}

/** Not idempotent without a key: every call is another command. `too-many-commands` passes as commands finish. */
export const createCommand = defineRequest({
  subject: 'muster.v1.service.commands.command.create',
  request: CreateCommand,
  reply: CommandView,
  errors: [
    'device-not-found',
    'invalid-payload',
    'payload-too-large',
    'too-many-commands',
    'idempotency-key-reused',
    'concurrent-change',
  ],
  idempotent: false,
});

export const getCommand = defineRequest({
  subject: 'muster.v1.service.commands.command.get',
  request: CommandRef,
  reply: CommandView,
  errors: ['device-not-found', 'command-not-found'],
  idempotent: true,
});

export const listCommands = defineRequest({
  subject: 'muster.v1.service.commands.command.list',
  request: ListCommands,
  reply: CommandPage,
  errors: ['device-not-found'],
  idempotent: true,
});

/** Cancelled already: nothing happens. `command-finished`: it was executed, has failed or is expired. */
export const cancelCommand = defineRequest({
  subject: 'muster.v1.service.commands.command.cancel',
  request: CancelCommand,
  reply: CommandView,
  errors: ['device-not-found', 'command-not-found', 'command-finished', 'concurrent-change'],
  idempotent: true,
});

// ---- for adapters ---------------------------------------------------------------------------------------------------

/** A device asks for its commands (11/CEP). */
export class FetchCommands extends TenantRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  /** Absent: all types. */
  @IsOptional()
  @Matches(COMMAND_TYPE_RULE, COMMAND_TYPE_MESSAGE)
  type?: string;

  /**
   * Remembered for that type until the next request that says it: false = push nothing until asked otherwise. Without
   * `type` it holds for all types, also for those of later commands.
   */
  @IsOptional()
  @IsBoolean()
  observe?: boolean;

  /** By which the device asks; it is put on record with what it is given. Absent: nothing is recorded. */
  @IsOptional()
  @IsIn(INTERFACES)
  interface?: DeviceInterface;

  /**
   * Since when what is pushed reaches whoever asks. With `observe: true`, what was pushed later than this is left out of
   * the answer: it has arrived that way.
   */
  @IsOptional()
  @IsISO8601()
  reachableAt?: string;
}

/** As the device gets it. `type` is for requests without one: on a topic of one type only `id` and `payload` are sent. */
export class OutstandingCommand {
  @IsString()
  type!: string;

  /** `number` of the command. */
  @IsInt()
  id!: number;

  /** Any JSON value; absent: the command has none. */
  @IsOptional()
  @AnyJson()
  payload?: JsonValue;

  /** Not to be delivered after this. */
  @IsOptional()
  @IsISO8601()
  expiresAt?: string;
}

export class OutstandingCommands {
  /** Oldest first; of one type in the order of their ids. Empty when there is none. */
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => OutstandingCommand)
  items!: OutstandingCommand[];

  /** There are more than fit in a message; they come when these have results. */
  @IsBoolean()
  truncated!: boolean;
}

export class DueCommandsOf extends DueDevice {
  /** Opaque: where to go on, from `askAgain`. */
  @IsOptional()
  @IsInt()
  @Min(0)
  after?: number;
}

export class DueCommands {
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(500)
  @ValidateNested({ each: true })
  @Type(() => DueCommandsOf)
  devices!: DueCommandsOf[];

  /**
   * Asked because of a change: leaves out what was sent to somebody already. Default: for devices that have just become
   * reachable, whatever they were given before that.
   */
  @IsOptional()
  @IsBoolean()
  changed?: boolean;
}

export class DueCommand extends OutstandingCommand {
  @IsString()
  tenantId!: string;

  @IsString()
  deviceId!: string;
}

export class DueCommandList {
  /** Device by device in the order of the request, each device's oldest first. */
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => DueCommand)
  items!: DueCommand[];

  /** What did not fit in the answer: ask again with these. */
  @IsOptional()
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => DueCommandsOf)
  askAgain?: DueCommandsOf[];
}

/** A command is about to be put on the wire. */
export class CommandClaim extends DueDevice {
  @Matches(COMMAND_TYPE_RULE, COMMAND_TYPE_MESSAGE)
  type!: string;

  /** `number` of the command. */
  @IsInt()
  id!: number;
}

export class ClaimCommands {
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(500)
  @ValidateNested({ each: true })
  @Type(() => CommandClaim)
  claims!: CommandClaim[];

  /** As in `dueCommands`. `creation`: this command is new. */
  @IsIn(['reachable', 'changed', 'creation'])
  reason!: 'reachable' | 'changed' | 'creation';
}

export class ClaimedCommands {
  /** Of each claim, in its order: whether it may be sent. */
  @IsArray()
  @IsBoolean({ each: true })
  granted!: boolean[];
}

/** A command was put on the wire. */
export class CommandDispatch extends DeviceKey {
  @Matches(COMMAND_TYPE_RULE, COMMAND_TYPE_MESSAGE)
  type!: string;

  @IsInt()
  id!: number;

  @IsIn(INTERFACES)
  interface!: DeviceInterface;

  /** False: nobody was there for it, or it could not be sent; its claim is given back. */
  @IsBoolean()
  subscriber!: boolean;

  /** Who has become reachable later than this may not have it. Absent: than this is told. */
  @IsOptional()
  @IsISO8601()
  at?: string;
}

export class RecordCommandsDispatched {
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(500)
  @ValidateNested({ each: true })
  @Type(() => CommandDispatch)
  dispatches!: CommandDispatch[];
}

/** A device says what became of a command. */
export class CommandResult extends DeviceKey {
  @Matches(COMMAND_TYPE_RULE, COMMAND_TYPE_MESSAGE)
  type!: string;

  /** `number` of the command. */
  @IsInt()
  id!: number;

  /** 2xx: executed. Anything else from 100 to 599: failed. */
  @IsInt()
  statusCode!: number;

  /** Kept up to 1,000 characters. */
  @IsOptional()
  @IsString()
  reasonPhrase?: string;

  /** Any JSON value, by default at most 64 KB of it. */
  @IsOptional()
  @AnyJson()
  payload?: JsonValue;
}

export class ReportResults {
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(500)
  @ValidateNested({ each: true })
  @Type(() => CommandResult)
  results!: CommandResult[];
}

export const fetchCommands = defineRequest({
  subject: 'muster.v1.service.commands.outstanding.fetch',
  request: FetchCommands,
  reply: OutstandingCommands,
  errors: ['device-not-found', 'concurrent-change'],
  idempotent: true,
});

/**
 * Of these devices, the outstanding commands that should be pushed: of every type the device has not asked to be left
 * alone with (`observe: false`). Unknown devices have none.
 */
export const dueCommands = defineRequest({
  subject: 'muster.v1.service.commands.outstanding.due',
  request: DueCommands,
  reply: DueCommandList,
  errors: [],
  idempotent: true,
});

/**
 * Asked right before commands are sent, so that of several who are about to give a device the same command one does. Not
 * granted: it is finished by now; or it was pushed, or given to the device for the asking, since `reachableAt`, or since it
 * was created. With `changed`: it was sent, or is about to be by somebody who claimed it since `reachableAt`.
 */
export const claimCommands = defineRequest({
  subject: 'muster.v1.service.commands.outstanding.claim',
  request: ClaimCommands,
  reply: ClaimedCommands,
  errors: [],
  idempotent: false,
});

/** Outcomes: `concurrent-change` is worth another try. A command that is finished by now is passed over. */
export const recordCommandsDispatched = defineRequest({
  subject: 'muster.v1.service.commands.outstanding.record-dispatched',
  request: RecordCommandsDispatched,
  reply: BulkOutcome,
  errors: [],
  idempotent: true,
});

/**
 * Outcomes: `command-not-found` for an id that was never given out; `invalid-payload` (status code, nesting) and
 * `payload-too-large` leave the command as it is; `concurrent-change` is worth another try. The first result wins: later ones
 * are accepted and ignored. The first result of a command that is expired or cancelled is kept as late, and changes no status.
 */
export const reportResults = defineRequest({
  subject: 'muster.v1.service.commands.result.report',
  request: ReportResults,
  reply: BulkOutcome,
  errors: [],
  idempotent: true,
});
