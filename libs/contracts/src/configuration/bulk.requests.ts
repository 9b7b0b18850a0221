import { Type } from 'class-transformer';
import { IsIn, IsObject, IsOptional, ValidateNested } from 'class-validator';
import { defineRequest } from '../contract.js';
import { JSON_VALUE, ValuesAre } from '../described.js';
import { BulkInput, TARGET_ERRORS, TargetPreview } from '../device-registry/targets.requests.js';
import { CreateRequest, IsText, TenantRequest, type JsonValue } from '../fields.js';
import { JobStarted } from '../jobs/requests.js';

export class BulkChangeInput extends BulkInput {
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

export class PreviewBulkChange extends TenantRequest {
  @ValidateNested()
  @Type(() => BulkChangeInput)
  bulkChange!: BulkChangeInput;
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
  errors: [...TARGET_ERRORS, 'invalid-configuration', 'configuration-too-large', 'idempotency-key-reused'],
  idempotent: false,
});

/** What `startBulkChange` would do now, and what it would be refused with; nothing is written. */
export const previewBulkChange = defineRequest({
  subject: 'muster.v1.service.configuration.bulk-change.preview',
  request: PreviewBulkChange,
  reply: TargetPreview,
  errors: [...TARGET_ERRORS, 'invalid-configuration', 'configuration-too-large'],
  idempotent: true,
});
