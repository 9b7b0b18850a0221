import { Type } from 'class-transformer';
import {
  IsArray,
  IsIn,
  IsInt,
  IsISO8601,
  IsNumber,
  IsObject,
  IsOptional,
  IsString,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { AreTargetCounts, TARGET_STATUSES, type TargetCounts, type TargetStatus } from './campaign.js';
import { CampaignRef } from './campaigns.requests.js';
import { AreVerdictCounts, type VerdictCounts } from './supervisions.requests.js';
import { REASON_ORIGINS, type ReasonOrigin } from './targets.requests.js';

/** How many devices ended so, for this reason. */
export class ReasonCount {
  @IsIn(TARGET_STATUSES)
  status!: TargetStatus;

  @IsIn(REASON_ORIGINS)
  origin!: ReasonOrigin;

  @IsString()
  code!: string;

  @IsInt()
  count!: number;
}

export class BatchCounts {
  @IsInt()
  index!: number;

  @AreTargetCounts()
  @IsObject()
  byStatus!: TargetCounts;
}

/** From the sending of a document to its success, of those that succeeded. Each is at most 12 % above what was measured. */
export class TimeToApply {
  @IsNumber()
  p50Seconds!: number;

  @IsNumber()
  p90Seconds!: number;

  @IsNumber()
  p99Seconds!: number;
}

/** How it stood at a moment; at most one a minute, and none where nothing had changed. */
export class StatisticsPoint {
  @IsISO8601()
  at!: string;

  /** Only the statuses that some device had. */
  @AreTargetCounts()
  @IsObject()
  byStatus!: TargetCounts;

  @IsOptional()
  @AreVerdictCounts()
  @IsObject()
  adoption?: VerdictCounts;
}

/** Numbers that are kept with the changes of the devices, so that reading them costs the same for ten devices and for a million. */
export class CampaignStatistics {
  @IsString()
  campaignId!: string;

  /** Devices. 0: it was not launched, or is still finding them out. */
  @IsInt()
  targets!: number;

  @AreTargetCounts()
  @IsObject()
  byStatus!: TargetCounts;

  /** What the job has done: devices whose values are written, and whose interface knows it, or that ended otherwise. */
  @IsInt()
  synchronised!: number;

  /** Sent and not settled: what `maxInFlight` is about. */
  @IsInt()
  inFlight!: number;

  /** Answered after they had been given up. */
  @IsInt()
  late!: number;

  /** Of its supervision, which goes on after the campaign. */
  @AreVerdictCounts()
  @IsObject()
  adoption!: VerdictCounts;

  /** Why devices did not succeed, most frequent first. */
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => ReasonCount)
  failures!: ReasonCount[];

  /** Absent: none has succeeded yet. */
  @IsOptional()
  @ValidateNested()
  @Type(() => TimeToApply)
  timeToApply?: TimeToApply;

  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => BatchCounts)
  batches!: BatchCounts[];

  /** The latest 1,000, oldest first. */
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => StatisticsPoint)
  points!: StatisticsPoint[];
}

export const getCampaignStatistics = defineRequest({
  subject: 'muster.v1.service.campaign-orchestrator.campaign-statistics.get',
  request: CampaignRef,
  reply: CampaignStatistics,
  errors: ['campaign-not-found'],
  idempotent: true,
});
