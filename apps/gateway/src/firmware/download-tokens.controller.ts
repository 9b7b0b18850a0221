import { Controller, Delete, Get, Inject, Param, Post } from '@nestjs/common';
import type { Done } from '@muster/contracts';
import {
  DownloadTokenInput,
  getDownloadToken,
  issueDownloadToken,
  listDownloadTokens,
  revokeDownloadToken,
  type DownloadTokenPage,
  type DownloadTokenView,
  type IssuedDownloadToken,
} from '@muster/contracts/firmware/downloads.requests';
import { type Asking, ASKING } from '../providers.js';
import { OptionalBody } from '../http/body.js';
import { Creating, Reading, Who, type Caller } from '../http/caller.js';
import { PageQuery } from '../http/page-query.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';

@Controller('api/v1/firmwares/:id/download-tokens')
export class DownloadTokensController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Post()
  @Operation({
    summary: 'Make a token that opens the file for many devices, for a while; its text is shown this once',
    asks: [issueDownloadToken],
    body: DownloadTokenInput,
    optionalBody: true,
    status: 201,
    secret: true,
    location: (path, id) => `${path}/${id}`,
  })
  issueDownloadToken(
    @Param('id') firmwareId: string,
    @OptionalBody(DownloadTokenInput) downloadToken: DownloadTokenInput,
    @Creating() creating: Caller,
  ): Promise<IssuedDownloadToken> {
    return this.bus.request(issueDownloadToken, { ...creating, firmwareId, downloadToken });
  }

  @Get()
  @Operation({
    summary: 'List the download tokens that open the file now, newest first, without their text',
    asks: [listDownloadTokens],
    query: PageQuery,
  })
  listDownloadTokens(
    @Param('id') firmwareId: string,
    @CheckedQuery(PageQuery) page: PageQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<DownloadTokenPage> {
    return this.bus.request(listDownloadTokens, { ...reading, firmwareId, ...page });
  }

  @Get(':tokenId')
  @Operation({ summary: 'Get a download token, without its text', asks: [getDownloadToken] })
  getDownloadToken(
    @Param('id') firmwareId: string,
    @Param('tokenId') tokenId: string,
    @Reading() reading: { tenantId: string },
  ): Promise<DownloadTokenView> {
    return this.bus.request(getDownloadToken, { ...reading, firmwareId, tokenId });
  }

  @Delete(':tokenId')
  @Operation({
    summary: 'Revoke a download token: it opens nothing any more',
    asks: [revokeDownloadToken],
    status: 204,
  })
  revokeDownloadToken(
    @Param('id') firmwareId: string,
    @Param('tokenId') tokenId: string,
    @Who() who: Caller,
  ): Promise<Done> {
    return this.bus.request(revokeDownloadToken, { ...who, firmwareId, tokenId });
  }
}
