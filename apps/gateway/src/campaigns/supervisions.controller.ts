import { Controller, Delete, Get, Inject, Param, Patch, Post, Res } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import type { Response } from 'express';
import { IsIn, IsOptional, IsString, Length } from 'class-validator';
import type { Done, JsonValue } from '@muster/contracts';
import {
  closeSupervision,
  deleteSupervision,
  editSupervision,
  getReportedValues,
  getSupervision,
  listSupervised,
  listSupervisions,
  openSupervision,
  SUPERVISION_STATUSES,
  SupervisionEdit,
  SupervisionInput,
  VERDICT_REASONS,
  VERDICTS,
  type ReportedValues,
  type SupervisedDevice,
  type SupervisionPage,
  type SupervisionStatus,
  type SupervisionView,
  type Verdict,
  type VerdictReasonCode,
} from '@muster/contracts/campaign-orchestrator/supervisions.requests';
import { type Asking, ASKING } from '../providers.js';
import { CheckedBody } from '../http/body.js';
import { Changing, Creating, Reading, Who, type Caller } from '../http/caller.js';
import { LIST_OR_FILE, ListOrFileQuery, sendListOrFile, type CsvColumns } from '../http/csv.js';
import { PageQuery } from '../http/page-query.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';

/** A filter may take seconds before it is refused as too slow. */
const TIMEOUT_MS = 12_000;

export class SupervisionsQuery extends PageQuery {
  @IsOptional()
  @IsIn(SUPERVISION_STATUSES)
  status?: SupervisionStatus;

  /** Those that came with this campaign. */
  @IsOptional()
  @IsString()
  @Length(1, 64)
  campaignId?: string;
}

export class SupervisedQuery extends ListOrFileQuery {
  @IsOptional()
  @IsIn(VERDICTS)
  verdict?: Verdict;

  /** Devices that have this reason among theirs. */
  @IsOptional()
  @IsIn(VERDICT_REASONS)
  reason?: VerdictReasonCode;
}

const COLUMNS: CsvColumns<SupervisedDevice> = {
  deviceId: ({ deviceId }) => deviceId,
  name: ({ name }) => name,
  verdict: ({ verdict }) => verdict,
  since: ({ since }) => since,
  desired: ({ desired }) => desired,
  delivered: ({ delivered }) => delivered,
  reported: ({ reported }) => reported,
  knownBy: ({ knownBy }) => knownBy,
  reasons: ({ reasons }) => (reasons.length === 0 ? undefined : (reasons as unknown as JsonValue)), // JSON of the contract
};

@Controller('api/v1/supervisions')
export class SupervisionsController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Post()
  @Operation({
    summary: 'Watch devices without a campaign: whether they keep desired values and report expected ones',
    asks: [openSupervision],
    body: SupervisionInput,
    status: 201,
    location: (path, id) => `${path}/${id}`,
  })
  openSupervision(
    @CheckedBody(SupervisionInput) supervision: SupervisionInput,
    @Creating() creating: Caller,
  ): Promise<SupervisionView> {
    return this.bus.request(openSupervision, { ...creating, supervision }, { timeoutMs: TIMEOUT_MS });
  }

  @Get()
  @Operation({
    summary: 'List supervisions, newest first',
    asks: [listSupervisions],
    query: SupervisionsQuery,
  })
  listSupervisions(
    @CheckedQuery(SupervisionsQuery) query: SupervisionsQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<SupervisionPage> {
    return this.bus.request(listSupervisions, { ...reading, ...query });
  }

  @Get(':id')
  @Operation({ summary: 'A supervision, and how many devices have which verdict', asks: [getSupervision] })
  getSupervision(
    @Param('id') supervisionId: string,
    @Reading() reading: { tenantId: string },
  ): Promise<SupervisionView> {
    return this.bus.request(getSupervision, { ...reading, supervisionId });
  }

  @Patch(':id')
  @Operation({
    summary: 'Give a supervision that is open another name; what it watches is not changed',
    asks: [editSupervision],
    body: SupervisionEdit,
  })
  editSupervision(
    @Param('id') supervisionId: string,
    @CheckedBody(SupervisionEdit) edit: SupervisionEdit,
    @Changing() changing: Caller,
  ): Promise<SupervisionView> {
    return this.bus.request(editSupervision, { ...changing, supervisionId, edit });
  }

  @Get(':id/values')
  @Operation({
    summary: 'How many devices of a supervision report which value of each key',
    asks: [getReportedValues],
  })
  getReportedValues(
    @Param('id') supervisionId: string,
    @Reading() reading: { tenantId: string },
  ): Promise<ReportedValues> {
    return this.bus.request(getReportedValues, { ...reading, supervisionId });
  }

  @Post(':id/close')
  @Operation({
    summary: 'Judge no more: the verdicts stay as they are',
    asks: [closeSupervision],
  })
  closeSupervision(@Param('id') supervisionId: string, @Who() who: Caller): Promise<SupervisionView> {
    return this.bus.request(closeSupervision, { ...who, supervisionId });
  }

  @Delete(':id')
  @Operation({
    summary: 'Forget a supervision that is closed or failed, with its verdicts',
    asks: [deleteSupervision],
    status: 204,
  })
  deleteSupervision(@Param('id') supervisionId: string, @Who() who: Caller): Promise<Done> {
    return this.bus.request(deleteSupervision, { ...who, supervisionId });
  }

  @Get(':id/devices')
  @Operation({
    summary: 'The devices of a supervision, each with its verdict, the reasons, and what has reached it',
    asks: [listSupervised],
    query: SupervisedQuery,
  })
  @ApiResponse(LIST_OR_FILE)
  async listSupervised(
    @Param('id') supervisionId: string,
    @CheckedQuery(SupervisedQuery) { verdict, reason, ...page }: SupervisedQuery,
    @Reading() reading: { tenantId: string },
    @Res() response: Response,
  ): Promise<void> {
    const file = { name: `supervision-${supervisionId}`, columns: COLUMNS };
    await sendListOrFile(response, page, file, (paging) =>
      this.bus.request(listSupervised, { ...reading, supervisionId, verdict, reason, ...paging }),
    );
  }
}
