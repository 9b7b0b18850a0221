import { Controller, Get, Inject, Param, Res } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import type { Response } from 'express';
import { IsIn, IsInt, IsOptional, Matches, Max, Min } from 'class-validator';
import {
  MAX_BATCHES,
  TARGET_STATUSES,
  type TargetStatus,
} from '@muster/contracts/campaign-orchestrator/campaign';
import {
  listCampaignHistory,
  type CampaignHistoryPage,
} from '@muster/contracts/campaign-orchestrator/history.requests';
import {
  getCampaignStatistics,
  type CampaignStatistics,
} from '@muster/contracts/campaign-orchestrator/statistics.requests';
import {
  listTargets,
  REASON_CODE,
  REASON_CODE_MESSAGE,
  REASON_ORIGINS,
  type ReasonOrigin,
  type TargetView,
} from '@muster/contracts/campaign-orchestrator/targets.requests';
import { type Asking, ASKING } from '../providers.js';
import { Reading } from '../http/caller.js';
import { LIST_OR_FILE, ListOrFileQuery, sendListOrFile, type CsvColumns } from '../http/csv.js';
import { PageQuery } from '../http/page-query.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';

export class TargetsQuery extends ListOrFileQuery {
  @IsOptional()
  @IsIn(TARGET_STATUSES)
  status?: TargetStatus;

  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_BATCHES)
  batch?: number;

  /** `reason.code`: with `status` and `origin` these are the devices that a line of `failures` in the statistics counts. */
  @IsOptional()
  @Matches(REASON_CODE, REASON_CODE_MESSAGE)
  reason?: string;

  /** `reason.origin`. */
  @IsOptional()
  @IsIn(REASON_ORIGINS)
  origin?: ReasonOrigin;
}

const COLUMNS: CsvColumns<TargetView> = {
  deviceId: ({ deviceId }) => deviceId,
  name: ({ name }) => name,
  deviceType: ({ deviceType }) => deviceType,
  batch: ({ batch }) => batch,
  status: ({ status }) => status,
  attempts: ({ attempts }) => attempts,
  synchronised: ({ synchronised }) => synchronised,
  writtenAt: ({ writtenAt }) => writtenAt,
  dispatchedAt: ({ dispatchedAt }) => dispatchedAt,
  acknowledgedAt: ({ acknowledgedAt }) => acknowledgedAt,
  finishedAt: ({ finishedAt }) => finishedAt,
  late: ({ late }) => late,
  code: ({ reason }) => reason?.code,
  origin: ({ reason }) => reason?.origin,
  detail: ({ reason }) => reason?.detail,
  by: ({ reason }) => reason?.by && { ...reason.by },
};

/** How a campaign goes: its devices, its numbers, and what happened. */
@Controller('api/v1/campaigns')
export class CampaignProgressController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Get(':id/targets')
  @Operation({
    summary: 'The devices of a campaign: how each stands, and why',
    asks: [listTargets],
    query: TargetsQuery,
  })
  @ApiResponse(LIST_OR_FILE)
  async listTargets(
    @Param('id') campaignId: string,
    @CheckedQuery(TargetsQuery) { status, batch, reason, origin, ...page }: TargetsQuery,
    @Reading() reading: { tenantId: string },
    @Res() response: Response,
  ): Promise<void> {
    await sendListOrFile(response, page, { name: `campaign-${campaignId}`, columns: COLUMNS }, (paging) =>
      this.bus.request(listTargets, { ...reading, campaignId, status, batch, reason, origin, ...paging }),
    );
  }

  @Get(':id/statistics')
  @Operation({
    summary: 'How many devices stand how and why, how long they took, and how it has gone on',
    asks: [getCampaignStatistics],
  })
  getCampaignStatistics(
    @Param('id') campaignId: string,
    @Reading() reading: { tenantId: string },
  ): Promise<CampaignStatistics> {
    return this.bus.request(getCampaignStatistics, { ...reading, campaignId });
  }

  @Get(':id/history')
  @Operation({
    summary: 'What happened to a campaign and through whom, newest first',
    asks: [listCampaignHistory],
    query: PageQuery,
  })
  listCampaignHistory(
    @Param('id') campaignId: string,
    @CheckedQuery(PageQuery) page: PageQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<CampaignHistoryPage> {
    return this.bus.request(listCampaignHistory, { ...reading, campaignId, ...page });
  }
}
