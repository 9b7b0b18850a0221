import { IsBoolean, IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { DEFAULT_PAGE, Described, MAX_PAGE } from '@muster/contracts';

/** What every list takes. */
export class PageQuery {
  @IsOptional()
  @Described(() => ({ description: 'Items of a page, at most.', default: DEFAULT_PAGE }))
  @IsInt()
  @Min(1)
  @Max(MAX_PAGE)
  limit?: number;

  @IsOptional()
  @Described(() => ({ description: 'Opaque: `nextCursor` of the page before.' }))
  @IsString()
  @MaxLength(1024)
  cursor?: string;
}

/** A list that can be counted. */
export class CountedPageQuery extends PageQuery {
  @IsOptional()
  @Described(() => ({ description: 'Whether `total` is told: how many there are, whatever the page.' }))
  @IsBoolean()
  count?: boolean;
}
