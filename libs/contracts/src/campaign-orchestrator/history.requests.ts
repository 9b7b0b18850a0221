import { Type } from 'class-transformer';
import {
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsISO8601,
  IsOptional,
  IsString,
  Length,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { Actor, Page, PageRequest } from '../fields.js';
import { GateNumbers } from './campaign-view.js';
import { GATE_ANSWERS, type GateAnswer } from './campaign.js';

/** What may happen to a campaign. */
export const CAMPAIGN_HAPPENINGS = [
  'created',
  'edited',
  'scheduled',
  'unscheduled',
  'deleted',
  'launched',
  'resolved',
  'launch_failed',
  'batch_released',
  'batch_written',
  'batch_synchronised',
  'gate_answered',
  'batch_passed',
  'batch_held',
  'paused',
  'resumed',
  'cancel_requested',
  'cancelled',
  'device_excluded',
  'rate_changed',
  'completed',
  'wait_ended',
  'settled',
] as const;
export type CampaignHappening = (typeof CAMPAIGN_HAPPENINGS)[number];

/** One thing that happened to a campaign, and through whom. */
export class CampaignHistoryItem {
  /** Rises by one with everything that happens. */
  @IsInt()
  version!: number;

  @IsISO8601()
  at!: string;

  @IsIn(CAMPAIGN_HAPPENINGS)
  what!: CampaignHappening;

  /** Of kind `system`: it went by itself. */
  @ValidateNested()
  @Type(() => Actor)
  by!: Actor;

  /** In words, with what it was done with: the numbers of a gate, the new rate, the reason. */
  @IsOptional()
  @IsString()
  detail?: string;

  /** Of what happens to a batch. */
  @IsOptional()
  @IsInt()
  batch?: number;

  /** With `device_excluded`. */
  @IsOptional()
  @IsString()
  deviceId?: string;

  /** With `gate_answered`. */
  @IsOptional()
  @IsIn(GATE_ANSWERS)
  answer?: GateAnswer;

  /** With `gate_answered`: by what it was answered. */
  @IsOptional()
  @ValidateNested()
  @Type(() => GateNumbers)
  numbers?: GateNumbers;

  /** With `resumed` and `batch_passed`: although its gate says something else. */
  @IsOptional()
  @IsBoolean()
  overridden?: boolean;
}

/** Newest first. */
export class ListCampaignHistory extends PageRequest {
  @IsString()
  @Length(1, 64)
  campaignId!: string;
}

export class CampaignHistoryPage extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => CampaignHistoryItem)
  items!: CampaignHistoryItem[];
}

/** Of the campaign itself; what became of each device is in the list of its targets. */
export const listCampaignHistory = defineRequest({
  subject: 'muster.v1.service.campaign-orchestrator.campaign-history.list',
  request: ListCampaignHistory,
  reply: CampaignHistoryPage,
  errors: ['campaign-not-found', 'invalid-request'],
  idempotent: true,
});
