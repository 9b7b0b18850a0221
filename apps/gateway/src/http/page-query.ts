import { IsBoolean, IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { MAX_PAGE } from '@muster/contracts';

/** What every list takes. */
export class PageQuery {
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_PAGE)
  limit?: number;

  @IsOptional()
  @IsString()
  @MaxLength(1024)
  cursor?: string;
}

/** A list that can be counted. */
export class CountedPageQuery extends PageQuery {
  @IsOptional()
  @IsBoolean()
  count?: boolean;
}
