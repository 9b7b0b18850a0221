import { Controller, Delete, Get, Inject, Param, Patch, Post } from '@nestjs/common';
import type { Done } from '@muster/contracts';
import {
  deleteToken,
  editToken,
  getToken,
  issueToken,
  listTokens,
  TokenEdit,
  TokenInput,
  type IssuedToken,
  type TokenList,
  type TokenView,
} from '@muster/contracts/device-registry/tokens.requests';
import { type Asking, ASKING } from '../providers.js';
import { CheckedBody, OptionalBody } from '../http/body.js';
import { Creating, Reading, Who, type Caller } from '../http/caller.js';
import { PageQuery } from '../http/page-query.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';

@Controller('api/v1/devices/:id/tokens')
export class TokensController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Post()
  @Operation({
    summary: 'Issue an endpoint token; its text is shown this once',
    asks: [issueToken],
    body: TokenInput,
    optionalBody: true,
    status: 201,
    secret: true,
    location: (path, id) => `${path}/${id}`,
  })
  issueToken(
    @Param('id') deviceId: string,
    @OptionalBody(TokenInput) input: TokenInput,
    @Creating() creating: Caller,
  ): Promise<IssuedToken> {
    return this.bus.request(issueToken, { ...creating, deviceId, ...input });
  }

  @Get()
  @Operation({
    summary: 'List the endpoint tokens, oldest first, without their text',
    asks: [listTokens],
    query: PageQuery,
  })
  listTokens(
    @Param('id') deviceId: string,
    @CheckedQuery(PageQuery) page: PageQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<TokenList> {
    return this.bus.request(listTokens, { ...reading, deviceId, ...page });
  }

  @Get(':tokenId')
  @Operation({ summary: 'Get an endpoint token, without its text', asks: [getToken] })
  getToken(
    @Param('id') deviceId: string,
    @Param('tokenId') tokenId: string,
    @Reading() reading: { tenantId: string },
  ): Promise<TokenView> {
    return this.bus.request(getToken, { ...reading, deviceId, tokenId });
  }

  @Delete(':tokenId')
  @Operation({
    summary: 'Take a revoked endpoint token off the list; its text stays used',
    asks: [deleteToken],
    status: 204,
  })
  deleteToken(
    @Param('id') deviceId: string,
    @Param('tokenId') tokenId: string,
    @Who() who: Caller,
  ): Promise<Done> {
    return this.bus.request(deleteToken, { ...who, deviceId, tokenId });
  }

  @Patch(':tokenId')
  @Operation({
    summary: 'Change the status or the time of an endpoint token',
    asks: [editToken],
    body: TokenEdit,
  })
  editToken(
    @Param('id') deviceId: string,
    @Param('tokenId') tokenId: string,
    @CheckedBody(TokenEdit) edit: TokenEdit,
    @Who() who: Caller,
  ): Promise<TokenView> {
    return this.bus.request(editToken, { ...who, deviceId, tokenId, edit });
  }
}
