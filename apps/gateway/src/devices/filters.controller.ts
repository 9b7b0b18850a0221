import { Controller, Get, Inject } from '@nestjs/common';
import { IsOptional, IsString, Length, MaxLength } from 'class-validator';
import {
  listFilterFields,
  listFilterValues,
  type FilterFields,
  type FilterValues,
} from '@muster/contracts/device-registry/filters.requests';
import { type Asking, ASKING } from '../providers.js';
import { Reading } from '../http/caller.js';
import { CursorQuery, PageQuery } from '../http/page-query.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';

/** Looking through a large fleet may take seconds. */
const ANSWER_MS = 10_000;

export class FilterValuesQuery extends CursorQuery {
  /** As it is written in filters: `folder`, `metadata.region`. */
  @IsString()
  @Length(1, 320)
  field!: string;

  /** Only values that begin so; upper and lower case differ. */
  @IsOptional()
  @IsString()
  @MaxLength(255)
  prefix?: string;
}

@Controller('api/v1/filters')
export class FiltersController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Get('fields')
  @Operation({ summary: 'What devices can be filtered by', asks: [listFilterFields], query: PageQuery })
  getFilterFields(
    @CheckedQuery(PageQuery) page: PageQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<FilterFields> {
    return this.bus.request(listFilterFields, { ...reading, ...page }, { timeoutMs: ANSWER_MS });
  }

  @Get('values')
  @Operation({
    summary: 'Which values of a field there are',
    asks: [listFilterValues],
    query: FilterValuesQuery,
  })
  getFilterValues(
    @CheckedQuery(FilterValuesQuery) query: FilterValuesQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<FilterValues> {
    return this.bus.request(listFilterValues, { ...reading, ...query }, { timeoutMs: ANSWER_MS });
  }
}
