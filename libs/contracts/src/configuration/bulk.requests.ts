import { Type } from 'class-transformer';
import {
  ArrayNotEmpty,
  IsArray,
  IsIn,
  IsObject,
  IsOptional,
  IsString,
  Matches,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { JSON_VALUE, ValuesAre } from '../described.js';
import { CreateRequest, IsFilter, IsText, type JsonValue } from '../fields.js';

/** Exactly one of the two. */
export class BulkTarget {
  /** At most 20,000, unless the installation says otherwise; the same one twice counts once. */
  @IsOptional()
  @IsArray()
  @ArrayNotEmpty()
  @Matches(/^[A-Za-z0-9_-]{1,64}$/, { each: true, message: 'each value must be the id of a device' })
  deviceIds?: string[];

  /** RSQL, as of the list of devices; the devices it means when the job begins. */
  @IsOptional()
  @IsFilter()
  filter?: string;
}

export class BulkChangeInput {
  @IsObject()
  @ValidateNested()
  @Type(() => BulkTarget)
  target!: BulkTarget;

  /** Key → text, number, boolean, object or array. */
  @ValuesAre(JSON_VALUE)
  @IsObject()
  desired!: Record<string, JsonValue>;

  /** `merge` (default): RFC 7396 per key, null removes. `replace`: what is not named is removed. */
  @IsOptional()
  @IsIn(['merge', 'replace'])
  mode?: 'merge' | 'replace';

  /** For the history of each device, which names the job as well. */
  @IsOptional()
  @IsText(400)
  reason?: string;
}

export class StartBulkChange extends CreateRequest {
  @ValidateNested()
  @Type(() => BulkChangeInput)
  bulkChange!: BulkChangeInput;
}

export class JobStarted {
  @IsString()
  jobId!: string;
}

/**
 * Changes many devices as a job of kind `configuration-bulk`; what no device could take, and a filter that cannot be read, are
 * refused at once. Errors of single devices are the job's: `device-not-found`, `invalid-configuration`,
 * `configuration-too-large`. `payload-too-large`: more devices than may be named.
 */
export const startBulkChange = defineRequest({
  subject: 'muster.v1.service.configuration.bulk-change.start',
  request: StartBulkChange,
  reply: JobStarted,
  errors: [
    'invalid-request',
    'invalid-filter',
    'filter-too-slow',
    'invalid-configuration',
    'configuration-too-large',
    'payload-too-large',
    'idempotency-key-reused',
  ],
  idempotent: false,
});
