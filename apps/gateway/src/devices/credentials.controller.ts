import { Controller, Delete, Get, Inject, Param, Patch, Post } from '@nestjs/common';
import type { Done } from '@muster/contracts';
import {
  CredentialEdit,
  CredentialRotation,
  deleteCredential,
  editCredential,
  getCredential,
  issueCredential,
  listCredentials,
  rotateCredential,
  type CredentialList,
  type DeviceCredential,
  type IssuedCredential,
} from '@muster/contracts/device-registry/credentials.requests';
import { CredentialInput } from '@muster/contracts/device-registry/credential-input';
import { type Asking, ASKING } from '../providers.js';
import { CheckedBody, OptionalBody } from '../http/body.js';
import { Creating, Reading, Who, type Caller } from '../http/caller.js';
import { PageQuery } from '../http/page-query.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';

@Controller('api/v1/devices/:id/credentials')
export class CredentialsController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Post()
  @Operation({
    summary: 'Issue a secret, a password or a certificate; what is secret about it is shown this once',
    asks: [issueCredential],
    body: CredentialInput,
    status: 201,
    secret: true,
    location: (path, id) => `${path}/${id}`,
  })
  issueCredential(
    @Param('id') deviceId: string,
    @CheckedBody(CredentialInput) credential: CredentialInput,
    @Creating() creating: Caller,
  ): Promise<IssuedCredential> {
    return this.bus.request(issueCredential, { ...creating, deviceId, credential });
  }

  @Post(':credentialId/rotate')
  @Operation({
    summary: 'Issue another one in its place; both open for as long as they overlap',
    asks: [rotateCredential],
    body: CredentialRotation,
    optionalBody: true,
    status: 201,
    secret: true,
  })
  rotateCredential(
    @Param('id') deviceId: string,
    @Param('credentialId') credentialId: string,
    @OptionalBody(CredentialRotation) rotation: CredentialRotation,
    @Creating() creating: Caller,
  ): Promise<IssuedCredential> {
    return this.bus.request(rotateCredential, { ...creating, deviceId, credentialId, rotation });
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
    summary:
      'Suspend, reactivate or revoke a credential, or change its time; live connections by it end at once',
    asks: [editCredential],
    body: CredentialEdit,
  })
  editCredential(
    @Param('id') deviceId: string,
    @Param('credentialId') credentialId: string,
    @CheckedBody(CredentialEdit) edit: CredentialEdit,
    @Who() who: Caller,
  ): Promise<DeviceCredential> {
    return this.bus.request(editCredential, { ...who, deviceId, credentialId, edit });
  }
}
