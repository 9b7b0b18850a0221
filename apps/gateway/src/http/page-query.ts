import { IsBoolean, IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { DEFAULT_PAGE, Described, MAX_PAGE } from '@muster/contracts';

/** What is read page by page and not counted. */
export class CursorQuery {
  @IsOptional()
  @Described(() => ({ description: `Items of a page, at most; ${DEFAULT_PAGE} where nothing else is said.` }))
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

/** What every list takes. */
export class PageQuery extends CursorQuery {
  @IsOptional()
  @Described(() => ({ description: 'Whether `total` is told: how many there are, whatever the page.' }))
  @IsBoolean()
  count?: boolean;
}
