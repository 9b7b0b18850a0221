import { Controller, Delete, Get, Inject, Param, Patch, Post } from '@nestjs/common';
import type { Done } from '@muster/contracts';
import {
  createIntegration,
  deleteIntegration,
  editIntegration,
  getIntegration,
  IntegrationEdit,
  IntegrationInput,
  listIntegrations,
  renewIntegrationCredentials,
  type IntegrationAccess,
  type IntegrationPage,
  type IntegrationState,
  type IntegrationView,
} from '@muster/contracts/identity/requests';
import { type Asking, ASKING } from '../providers.js';
import { CheckedBody } from '../http/body.js';
import { Changing, Creating, Reading, Who, type Caller } from '../http/caller.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';
import { PageQuery } from '../http/page-query.js';

@Controller('api/v1/integrations')
export class IntegrationsController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Post()
  @Operation({
    summary: 'Let somebody subscribe to events over NATS; the credentials are shown this once',
    asks: [createIntegration],
    body: IntegrationInput,
    status: 201,
    secret: true,
    location: (path, id) => `${path}/${id}`,
  })
  createIntegration(
    @CheckedBody(IntegrationInput) integration: IntegrationInput,
    @Creating() creating: Caller,
  ): Promise<IntegrationAccess> {
    return this.bus.request(createIntegration, { ...creating, integration });
  }

  @Get()
  @Operation({ summary: 'List the integrations', asks: [listIntegrations], query: PageQuery })
  listIntegrations(
    @CheckedQuery(PageQuery) query: PageQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<IntegrationPage> {
    return this.bus.request(listIntegrations, { ...reading, ...query });
  }

  @Get(':id')
  @Operation({ summary: 'One integration, and how far it is behind', asks: [getIntegration] })
  getIntegration(
    @Param('id') integrationId: string,
    @Reading() reading: { tenantId: string },
  ): Promise<IntegrationState> {
    return this.bus.request(getIntegration, { ...reading, integrationId });
  }

  @Patch(':id')
  @Operation({
    summary: 'Rename an integration, or change whose events it replays; its credentials stay',
    asks: [editIntegration],
    body: IntegrationEdit,
  })
  editIntegration(
    @Param('id') integrationId: string,
    @CheckedBody(IntegrationEdit) edit: IntegrationEdit,
    @Changing() changing: Caller,
  ): Promise<IntegrationView> {
    return this.bus.request(editIntegration, { ...changing, integrationId, edit });
  }

  @Post(':id/credentials')
  @Operation({
    summary: 'New credentials, shown this once; the ones before are revoked at once',
    asks: [renewIntegrationCredentials],
    status: 201,
    secret: true,
  })
  renewIntegrationCredentials(
    @Param('id') integrationId: string,
    @Creating() creating: Caller,
  ): Promise<IntegrationAccess> {
    return this.bus.request(renewIntegrationCredentials, { ...creating, integrationId });
  }

  @Delete(':id')
  @Operation({
    summary: 'Delete an integration; its connections are closed at once',
    asks: [deleteIntegration],
    status: 204,
  })
  deleteIntegration(@Param('id') integrationId: string, @Who() who: Caller): Promise<Done> {
    return this.bus.request(deleteIntegration, { ...who, integrationId });
  }
}
