import { Type } from 'class-transformer';
import { IsInt, IsOptional, Matches, Min, ValidateNested } from 'class-validator';
import { defineRequest } from '../contract.js';
import { AnyJson } from '../described.js';
import { BulkInput, TARGET_ERRORS, TargetPreview } from '../device-registry/targets.requests.js';
import { CreateRequest, TenantRequest, type JsonValue } from '../fields.js';
import { JobStarted } from '../jobs/requests.js';
import { COMMAND_TYPE_MESSAGE, COMMAND_TYPE_RULE } from './requests.js';

/** The same command for each of the devices. */
export class CommandBulkInput extends BulkInput {
  @Matches(COMMAND_TYPE_RULE, COMMAND_TYPE_MESSAGE)
  type!: string;

  /** Any JSON value, by default at most 64 KB of it. */
  @IsOptional()
  @AnyJson()
  payload?: JsonValue;

  /** Of each command, from its own creation. Default 60; by default at most 7 days. */
  @IsOptional()
  @IsInt()
  @Min(1)
  ttlSeconds?: number;
}

export class StartCommandBulk extends CreateRequest {
  @ValidateNested()
  @Type(() => CommandBulkInput)
  bulk!: CommandBulkInput;
}

export class PreviewCommandBulk extends TenantRequest {
  @ValidateNested()
  @Type(() => CommandBulkInput)
  bulk!: CommandBulkInput;
}

const ERRORS = [...TARGET_ERRORS, 'invalid-payload'] as const;

/**
 * Creates a command for each of many devices, as a job of kind `command-bulk`. What would be refused for every device is
 * refused at once; errors of single devices are the job's: `device-not-found`, `too-many-commands`.
 */
export const startCommandBulk = defineRequest({
  subject: 'muster.v1.service.commands.command-bulk.start',
  request: StartCommandBulk,
  reply: JobStarted,
  errors: [...ERRORS, 'idempotency-key-reused'],
  idempotent: false,
});

/** What `startCommandBulk` would reach now, and what it would be refused with; nothing is written. */
export const previewCommandBulk = defineRequest({
  subject: 'muster.v1.service.commands.command-bulk.preview',
  request: PreviewCommandBulk,
  reply: TargetPreview,
  errors: ERRORS,
  idempotent: true,
});
