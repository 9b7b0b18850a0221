import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsIn,
  IsInt,
  IsISO8601,
  IsObject,
  IsOptional,
  IsString,
  ValidateNested,
} from 'class-validator';
import { definePublished } from '../contract.js';
import { AreTargetCounts, TARGET_STATUSES, type TargetCounts, type TargetStatus } from './campaign.js';
import { TargetReason } from './targets.requests.js';

/** Devices of one message. */
export const MAX_TOLD_TARGETS = 500;

export class ChangedTarget {
  @IsString()
  deviceId!: string;

  @IsInt()
  batch!: number;

  @IsIn(TARGET_STATUSES)
  from!: TargetStatus;

  @IsIn(TARGET_STATUSES)
  status!: TargetStatus;

  @IsOptional()
  @ValidateNested()
  @Type(() => TargetReason)
  reason?: TargetReason;
}

/** Devices of a campaign that stand otherwise than before, at most 500. Of those that a launch
 * begins with, the skipped ones are told, with why; all others are planned. */
export class CampaignTargetsChanged {
  @IsString()
  campaignId!: string;

  /** Rises by one with every message about the campaign's devices. */
  @IsInt()
  version!: number;

  @IsISO8601()
  at!: string;

  @IsArray()
  @ArrayMaxSize(MAX_TOLD_TARGETS)
  @ValidateNested({ each: true })
  @Type(() => ChangedTarget)
  devices!: ChangedTarget[];

  /** Of all its devices, after these. Absent in what older versions told. */
  @IsOptional()
  @AreTargetCounts()
  @IsObject()
  byStatus?: TargetCounts;
}

export const campaignTargetsChanged = definePublished({
  service: 'campaign-orchestrator',
  entity: 'campaign-targets',
  verb: 'changed',
  schemaVersion: 1,
  data: CampaignTargetsChanged,
});
