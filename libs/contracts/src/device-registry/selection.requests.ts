import {
  IsArray,
  IsBoolean,
  IsInt,
  IsOptional,
  IsString,
  Matches,
  Max,
  Min,
  ValidateIf,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsFilter, TenantRequest } from '../fields.js';

export const MAX_SELECTED_DEVICES = 5000;

export class SelectDevices extends TenantRequest {
  /** Default: all. */
  @IsOptional()
  @IsFilter()
  filter?: string;

  /** `next` of the reply before. */
  @IsOptional()
  @Matches(/^[A-Za-z0-9_-]{1,64}$/)
  after?: string;

  /** Default: the most. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_SELECTED_DEVICES)
  limit?: number;

  /** Whether the reply says how many there are in all, before and after this page. */
  @IsOptional()
  @IsBoolean()
  count?: boolean;
}

export class SelectedDevices {
  /** Ascending. */
  @IsArray()
  @IsString({ each: true })
  deviceIds!: string[];

  /** Null: these were the last. */
  @ValidateIf((page: SelectedDevices) => page.next !== null)
  @IsString()
  next!: string | null;

  @IsOptional()
  @IsInt()
  total?: number;
}

/**
 * The ids a filter means, for whoever acts on many devices. A device that is provisioned while pages are read may be
 * missed, one that is deleted meanwhile may be in them; one that stays as it is, is read exactly once. A filter may take
 * seconds before it is refused as too slow: ask with a `timeoutMs` of 10,000.
 */
export const selectDevices = defineRequest({
  subject: 'muster.v1.service.device-registry.device.select',
  request: SelectDevices,
  reply: SelectedDevices,
  errors: ['invalid-filter', 'filter-too-slow'],
  idempotent: true,
});
