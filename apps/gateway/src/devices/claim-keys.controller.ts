import { Controller, Delete, Get, Inject, Param, Patch, Post } from '@nestjs/common';
import type { Done } from '@muster/contracts';
import {
  ClaimKeyEdit,
  ClaimKeyInput,
  deleteClaimKey,
  editClaimKey,
  getClaimKey,
  issueClaimKey,
  listClaimKeys,
  type ClaimKeyPage,
  type ClaimKeyView,
  type IssuedClaimKey,
} from '@muster/contracts/device-registry/claim-keys.requests';
import { type Asking, ASKING } from '../providers.js';
import { CheckedBody } from '../http/body.js';
import { Changing, Creating, Reading, type Caller } from '../http/caller.js';
import { PageQuery } from '../http/page-query.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';

@Controller('api/v1/claim-keys')
export class ClaimKeysController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Post()
  @Operation({
    summary: 'Issue a key with which devices enrol by themselves; it is shown this once',
    asks: [issueClaimKey],
    body: ClaimKeyInput,
    status: 201,
    secret: true,
    location: (path, id) => `${path}/${id}`,
  })
  issueClaimKey(
    @CheckedBody(ClaimKeyInput) claimKey: ClaimKeyInput,
    @Creating() creating: Caller,
  ): Promise<IssuedClaimKey> {
    return this.bus.request(issueClaimKey, { ...creating, claimKey });
  }

  @Get()
  @Operation({
    summary: 'List the claim keys, oldest first, without the keys',
    asks: [listClaimKeys],
    query: PageQuery,
  })
  listClaimKeys(
    @CheckedQuery(PageQuery) { limit, cursor, count }: PageQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<ClaimKeyPage> {
    return this.bus.request(listClaimKeys, { ...reading, limit, cursor, count });
  }

  @Get(':id')
  @Operation({ summary: 'Get a claim key, without the key', asks: [getClaimKey] })
  getClaimKey(
    @Param('id') claimKeyId: string,
    @Reading() reading: { tenantId: string },
  ): Promise<ClaimKeyView> {
    return this.bus.request(getClaimKey, { ...reading, claimKeyId });
  }

  @Patch(':id')
  @Operation({
    summary: 'Edit a claim key: its name, status, time, limit',
    asks: [editClaimKey],
    body: ClaimKeyEdit,
  })
  editClaimKey(
    @Param('id') claimKeyId: string,
    @CheckedBody(ClaimKeyEdit) edit: ClaimKeyEdit,
    @Changing() changing: Caller,
  ): Promise<ClaimKeyView> {
    return this.bus.request(editClaimKey, { ...changing, claimKeyId, edit });
  }

  @Delete(':id')
  @Operation({
    summary: 'Delete a claim key: nobody enrols with it any more; the devices stay',
    asks: [deleteClaimKey],
    status: 204,
  })
  deleteClaimKey(@Param('id') claimKeyId: string, @Changing() changing: Caller): Promise<Done> {
    return this.bus.request(deleteClaimKey, { ...changing, claimKeyId });
  }
}
