import { Controller, Delete, Get, Inject, Param, Patch, Post } from '@nestjs/common';
import { ApiParam } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, Length } from 'class-validator';
import type { Done } from '@muster/contracts';
import {
  CAMPAIGN_STATUSES,
  CampaignEdit,
  CampaignInput,
  MAX_BATCHES,
  type CampaignStatus,
} from '@muster/contracts/campaign-orchestrator/campaign';
import type { CampaignDetails } from '@muster/contracts/campaign-orchestrator/campaign-view';
import {
  cancelCampaign,
  CancelInput,
  changeCampaignRate,
  copyCampaign,
  createCampaign,
  deleteCampaign,
  DeriveInput,
  draftFromFirmware,
  editCampaign,
  excludeTarget,
  FromFirmwareInput,
  getCampaign,
  launchCampaign,
  LaunchInput,
  listCampaigns,
  pauseCampaign,
  RateInput,
  releaseBatch,
  resumeCampaign,
  ResumeInput,
  retryCampaign,
  revertCampaign,
  scheduleCampaign,
  ScheduleInput,
  settleCampaign,
  SettleInput,
  unscheduleCampaign,
  type CampaignPage,
} from '@muster/contracts/campaign-orchestrator/campaigns.requests';
import {
  previewCampaign,
  type CampaignPreview,
} from '@muster/contracts/campaign-orchestrator/targets.requests';
import { type Asking, ASKING } from '../providers.js';
import { CheckedBody, OptionalBody } from '../http/body.js';
import { Changing, Creating, Reading, Who, type Caller } from '../http/caller.js';
import { PageQuery } from '../http/page-query.js';
import { CheckedQuery, PathNumber } from '../http/query.js';
import { Operation } from '../openapi/operation.js';

export class CampaignsQuery extends PageQuery {
  @IsOptional()
  @IsIn(CAMPAIGN_STATUSES)
  status?: CampaignStatus;

  /** A part of the name, in upper or lower case. */
  @IsOptional()
  @IsString()
  @Length(1, 128)
  name?: string;
}

/** Filters may take seconds before they are refused as too slow. */
const TIMEOUT_MS = 12_000;

const drafted = (_path: string, id: string): string => `/api/v1/campaigns/${id}`;

@Controller('api/v1/campaigns')
export class CampaignsController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Post()
  @Operation({
    summary: 'Create a campaign, as a draft',
    asks: [createCampaign],
    body: CampaignInput,
    status: 201,
    location: drafted,
  })
  createCampaign(
    @CheckedBody(CampaignInput) campaign: CampaignInput,
    @Creating() creating: Caller,
  ): Promise<CampaignDetails> {
    return this.bus.request(createCampaign, { ...creating, campaign }, { timeoutMs: TIMEOUT_MS });
  }

  @Post('from-firmware')
  @Operation({
    summary: 'Create a draft that hands out firmwares: their versions, URLs and a token are filled in',
    asks: [draftFromFirmware],
    body: FromFirmwareInput,
    status: 201,
    secret: true,
    location: drafted,
  })
  draftFromFirmware(
    @CheckedBody(FromFirmwareInput) from: FromFirmwareInput,
    @Creating() creating: Caller,
  ): Promise<CampaignDetails> {
    return this.bus.request(draftFromFirmware, { ...creating, from }, { timeoutMs: TIMEOUT_MS });
  }

  @Get()
  @Operation({ summary: 'List campaigns, newest first', asks: [listCampaigns], query: CampaignsQuery })
  listCampaigns(
    @CheckedQuery(CampaignsQuery) { limit, cursor, count, status, name }: CampaignsQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<CampaignPage> {
    return this.bus.request(listCampaigns, { ...reading, limit, cursor, count, status, name });
  }

  @Get(':id')
  @Operation({
    summary: 'Where a campaign stands, and everything that was given for it',
    asks: [getCampaign],
  })
  getCampaign(
    @Param('id') campaignId: string,
    @Reading() reading: { tenantId: string },
  ): Promise<CampaignDetails> {
    return this.bus.request(getCampaign, { ...reading, campaignId });
  }

  @Patch(':id')
  @Operation({
    summary: 'Change a campaign that was not launched; what is named is replaced as a whole',
    asks: [editCampaign],
    body: CampaignEdit,
  })
  editCampaign(
    @Param('id') campaignId: string,
    @CheckedBody(CampaignEdit) edit: CampaignEdit,
    @Changing() changing: Caller,
  ): Promise<CampaignDetails> {
    return this.bus.request(editCampaign, { ...changing, campaignId, edit }, { timeoutMs: TIMEOUT_MS });
  }

  @Delete(':id')
  @Operation({ summary: 'Delete a campaign that was never launched', asks: [deleteCampaign], status: 204 })
  deleteCampaign(@Param('id') campaignId: string, @Changing() changing: Caller): Promise<Done> {
    return this.bus.request(deleteCampaign, { ...changing, campaignId });
  }

  @Post(':id/preview')
  @Operation({
    summary: 'What a launch would do now: how many devices, conflicts, and how they are split into batches',
    asks: [previewCampaign],
  })
  previewCampaign(
    @Param('id') campaignId: string,
    @Reading() reading: { tenantId: string },
  ): Promise<CampaignPreview> {
    return this.bus.request(previewCampaign, { ...reading, campaignId }, { timeoutMs: TIMEOUT_MS });
  }

  @Post(':id/targets/:deviceId/exclude')
  @Operation({
    summary: 'Take a device out of a campaign: nothing more is written to it on its account',
    asks: [excludeTarget],
  })
  excludeTarget(
    @Param('id') campaignId: string,
    @Param('deviceId') deviceId: string,
    @Who() who: Caller,
  ): Promise<CampaignDetails> {
    return this.bus.request(excludeTarget, { ...who, campaignId, deviceId });
  }

  @Post(':id/launch')
  @Operation({
    summary: 'Launch a campaign: its definition is frozen and its devices are found out. Twice is once',
    asks: [launchCampaign],
    body: LaunchInput,
    optionalBody: true,
  })
  launchCampaign(
    @Param('id') campaignId: string,
    @OptionalBody(LaunchInput) launch: LaunchInput,
    @Creating() creating: Caller,
  ): Promise<CampaignDetails> {
    return this.bus.request(launchCampaign, { ...creating, campaignId, launch }, { timeoutMs: TIMEOUT_MS });
  }

  @Post(':id/schedule')
  @Operation({
    summary: 'Let a draft launch itself at a time; of a scheduled campaign, move that time',
    asks: [scheduleCampaign],
    body: ScheduleInput,
    optionalBody: true,
  })
  scheduleCampaign(
    @Param('id') campaignId: string,
    @OptionalBody(ScheduleInput) schedule: ScheduleInput,
    @Who() who: Caller,
  ): Promise<CampaignDetails> {
    return this.bus.request(scheduleCampaign, { ...who, campaignId, schedule });
  }

  @Post(':id/unschedule')
  @Operation({ summary: 'Make a draft of a scheduled campaign again', asks: [unscheduleCampaign] })
  unscheduleCampaign(@Param('id') campaignId: string, @Who() who: Caller): Promise<CampaignDetails> {
    return this.bus.request(unscheduleCampaign, { ...who, campaignId });
  }

  @Post(':id/pause')
  @Operation({
    summary: 'Begin nothing more of a campaign, in the middle of a batch as well; what is in flight goes on',
    asks: [pauseCampaign],
  })
  pauseCampaign(@Param('id') campaignId: string, @Who() who: Caller): Promise<CampaignDetails> {
    return this.bus.request(pauseCampaign, { ...who, campaignId });
  }

  @Post(':id/resume')
  @Operation({
    summary: 'Go on with a paused campaign; `overrideGate` also past the gate or threshold that paused it',
    asks: [resumeCampaign],
    body: ResumeInput,
    optionalBody: true,
  })
  resumeCampaign(
    @Param('id') campaignId: string,
    @OptionalBody(ResumeInput) resume: ResumeInput,
    @Who() who: Caller,
  ): Promise<CampaignDetails> {
    return this.bus.request(resumeCampaign, { ...who, campaignId, resume });
  }

  @Post(':id/cancel')
  @Operation({
    summary: 'End a campaign: `soft` finishes what is in flight, `force` gives that up as well',
    asks: [cancelCampaign],
    body: CancelInput,
    optionalBody: true,
  })
  cancelCampaign(
    @Param('id') campaignId: string,
    @OptionalBody(CancelInput) cancel: CancelInput,
    @Who() who: Caller,
  ): Promise<CampaignDetails> {
    return this.bus.request(cancelCampaign, { ...who, campaignId, cancel });
  }

  @Post(':id/settle')
  @Operation({
    summary: 'End the wait for devices of a completed campaign: who has not answered has timed out',
    asks: [settleCampaign],
    body: SettleInput,
    optionalBody: true,
  })
  settleCampaign(
    @Param('id') campaignId: string,
    @OptionalBody(SettleInput) settle: SettleInput,
    @Who() who: Caller,
  ): Promise<CampaignDetails> {
    return this.bus.request(settleCampaign, { ...who, campaignId, settle });
  }

  @Patch(':id/rate')
  @Operation({
    summary: 'Change the pace of a campaign that runs or is paused',
    asks: [changeCampaignRate],
    body: RateInput,
  })
  changeCampaignRate(
    @Param('id') campaignId: string,
    @CheckedBody(RateInput) rate: RateInput,
    @Who() who: Caller,
  ): Promise<CampaignDetails> {
    return this.bus.request(changeCampaignRate, { ...who, campaignId, rate });
  }

  @Post(':id/batches/:index/release')
  @Operation({
    summary: 'Release a batch that waits, now: without its spacing, and where it is released by hand',
    asks: [releaseBatch],
  })
  @ApiParam({ name: 'index', schema: { type: 'integer', minimum: 1, maximum: MAX_BATCHES } })
  releaseBatch(
    @Param('id') campaignId: string,
    @PathNumber('index') index: number,
    @Who() who: Caller,
  ): Promise<CampaignDetails> {
    return this.bus.request(releaseBatch, { ...who, campaignId, index });
  }

  @Post(':id/retry')
  @Operation({
    summary: 'Create a draft for the devices that failed or timed out in an ended campaign',
    asks: [retryCampaign],
    body: DeriveInput,
    optionalBody: true,
    status: 201,
    location: drafted,
  })
  retryCampaign(
    @Param('id') campaignId: string,
    @OptionalBody(DeriveInput) as: DeriveInput,
    @Creating() creating: Caller,
  ): Promise<CampaignDetails> {
    return this.bus.request(retryCampaign, { ...creating, campaignId, as });
  }

  @Post(':id/revert')
  @Operation({
    summary:
      'Create a draft that gives each device back what it had, where it still has the campaign’s value',
    asks: [revertCampaign],
    body: DeriveInput,
    optionalBody: true,
    status: 201,
    location: drafted,
  })
  revertCampaign(
    @Param('id') campaignId: string,
    @OptionalBody(DeriveInput) as: DeriveInput,
    @Creating() creating: Caller,
  ): Promise<CampaignDetails> {
    return this.bus.request(revertCampaign, { ...creating, campaignId, as });
  }

  @Post(':id/copy')
  @Operation({
    summary: 'Create a draft with the same definition, without its dates',
    asks: [copyCampaign],
    body: DeriveInput,
    optionalBody: true,
    status: 201,
    location: drafted,
  })
  copyCampaign(
    @Param('id') campaignId: string,
    @OptionalBody(DeriveInput) as: DeriveInput,
    @Creating() creating: Caller,
  ): Promise<CampaignDetails> {
    return this.bus.request(copyCampaign, { ...creating, campaignId, as });
  }
}
