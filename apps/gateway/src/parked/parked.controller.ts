import { Controller, Delete, Get, Inject, Param, Post } from '@nestjs/common';
import { IsOptional } from 'class-validator';
import { IsFilter, type Done } from '@muster/contracts';
import {
  dropParked,
  getParked,
  listParked,
  ParkedSelection,
  replayMatching,
  replayParked,
  type ParkedDetails,
  type ParkedPage,
  type ParkedView,
  type ReplayedSome,
} from '@muster/contracts/parked/requests';
import { type Asking, ASKING } from '../providers.js';
import { CheckedBody } from '../http/body.js';
import { Reading, Who, type Caller } from '../http/caller.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';
import { PageQuery } from '../http/page-query.js';

/** Where it came from it may take ten seconds; of many, none is begun after eight. */
const REPLAY_ANSWER_MS = 20_000;

export class ParkedQuery extends PageQuery {
  @IsOptional()
  @IsFilter()
  filter?: string;
}

@Controller('api/v1/parked')
export class ParkedController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Get()
  @Operation({
    summary: 'List what could not be processed, newest first',
    asks: [listParked],
    query: ParkedQuery,
  })
  listParked(
    @CheckedQuery(ParkedQuery) { limit, cursor, count, filter }: ParkedQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<ParkedPage> {
    return this.bus.request(listParked, { ...reading, limit, cursor, count, filter });
  }

  @Post('replay')
  @Operation({
    summary: 'Process the open ones again that match, oldest first; ask again with `nextCursor` for the rest',
    asks: [replayMatching],
    body: ParkedSelection,
  })
  replayMatching(
    @CheckedBody(ParkedSelection) selection: ParkedSelection,
    @Who() who: Caller,
  ): Promise<ReplayedSome> {
    return this.bus.request(replayMatching, { ...who, selection }, { timeoutMs: REPLAY_ANSWER_MS });
  }

  @Get(':id')
  @Operation({ summary: 'A parked message with its content', asks: [getParked] })
  getParked(@Param('id') parkedId: string, @Reading() reading: { tenantId: string }): Promise<ParkedDetails> {
    return this.bus.request(getParked, { ...reading, parkedId });
  }

  @Post(':id/replay')
  @Operation({
    summary: 'Process a parked message again; answers `replayed`, or `open` with the new reason',
    asks: [replayParked],
  })
  replayParked(@Param('id') parkedId: string, @Who() who: Caller): Promise<ParkedView> {
    return this.bus.request(replayParked, { ...who, parkedId }, { timeoutMs: REPLAY_ANSWER_MS });
  }

  @Delete(':id')
  @Operation({
    summary: 'Decide that a parked message is not processed any more',
    asks: [dropParked],
    status: 204,
  })
  dropParked(@Param('id') parkedId: string, @Who() who: Caller): Promise<Done> {
    return this.bus.request(dropParked, { ...who, parkedId });
  }
}
