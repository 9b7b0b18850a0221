import { Controller, Delete, Get, Inject, Param, Patch, Post } from '@nestjs/common';
import type { Done } from '@muster/contracts';
import {
  changeCredentialStatus,
  CredentialEdit,
  deleteCredential,
  getCredential,
  issueCredential,
  listCredentials,
  type CredentialList,
  type DeviceCredential,
  type IssuedCredential,
} from '@muster/contracts/device-registry/credentials.requests';
import { CredentialInput } from '@muster/contracts/device-registry/devices.requests';
import { type Asking, ASKING } from '../providers.js';
import { CheckedBody } from '../http/body.js';
import { Creating, Reading, Who, type Caller } from '../http/caller.js';
import { PageQuery } from '../http/page-query.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';

@Controller('api/v1/devices/:id/credentials')
export class CredentialsController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Post()
  @Operation({
    summary: 'Issue a secret to an HTTP device; it is shown this once, and two may be active at a time',
    asks: [issueCredential],
    body: CredentialInput,
    status: 201,
    secret: true,
    location: (path, id) => `${path}/${id}`,
  })
  issueCredential(
    @Param('id') deviceId: string,
    @CheckedBody(CredentialInput) { kind }: CredentialInput,
    @Creating() creating: Caller,
  ): Promise<IssuedCredential> {
    return this.bus.request(issueCredential, { ...creating, deviceId, kind });
  }

  @Get()
  @Operation({
    summary: 'List the credentials, oldest first, without their secrets',
    asks: [listCredentials],
    query: PageQuery,
  })
  listCredentials(
    @Param('id') deviceId: string,
    @CheckedQuery(PageQuery) page: PageQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<CredentialList> {
    return this.bus.request(listCredentials, { ...reading, deviceId, ...page });
  }

  @Get(':credentialId')
  @Operation({ summary: 'Get a credential, without its secret', asks: [getCredential] })
  getCredential(
    @Param('id') deviceId: string,
    @Param('credentialId') credentialId: string,
    @Reading() reading: { tenantId: string },
  ): Promise<DeviceCredential> {
    return this.bus.request(getCredential, { ...reading, deviceId, credentialId });
  }

  @Delete(':credentialId')
  @Operation({ summary: 'Take a revoked credential off the list', asks: [deleteCredential], status: 204 })
  deleteCredential(
    @Param('id') deviceId: string,
    @Param('credentialId') credentialId: string,
    @Who() who: Caller,
  ): Promise<Done> {
    return this.bus.request(deleteCredential, { ...who, deviceId, credentialId });
  }

  @Patch(':credentialId')
  @Operation({
    summary: 'Revoke a credential',
    asks: [changeCredentialStatus],
    body: CredentialEdit,
  })
  changeCredentialStatus(
    @Param('id') deviceId: string,
    @Param('credentialId') credentialId: string,
    @CheckedBody(CredentialEdit) { status }: CredentialEdit,
    @Who() who: Caller,
  ): Promise<DeviceCredential> {
    return this.bus.request(changeCredentialStatus, { ...who, deviceId, credentialId, status });
  }
}
