import { Controller, Delete, Get, Inject, Param, Patch, Post } from '@nestjs/common';
import { IsIn, IsOptional } from 'class-validator';
import type { Done } from '@muster/contracts';
import {
  checkHub,
  createHub,
  deleteHub,
  editHub,
  getHub,
  HubEdit,
  HubInput,
  listHubs,
  type HubCheck,
  type HubPage,
  type HubView,
} from '@muster/contracts/iothub-adapter/hubs.requests';
import {
  FINDING_KINDS,
  FINDING_OUTCOMES,
  listFindings,
  ReconcileInput,
  startReconcile,
  type FindingKind,
  type FindingOutcome,
  type FindingPage,
} from '@muster/contracts/iothub-adapter/reconcile.requests';
import type { JobStarted } from '@muster/contracts/jobs/requests';
import { type Asking, ASKING } from '../providers.js';
import { jobLocation } from '../http/answer-rules.js';
import { CheckedBody } from '../http/body.js';
import { Changing, Creating, Reading, Who, type Caller } from '../http/caller.js';
import { PageQuery } from '../http/page-query.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';

/** A hub is asked several things, one after the other, before it is answered; the one over AMQP waits up to 20 s. */
const PATIENT = { timeoutMs: 60_000 };

class FindingsQuery extends PageQuery {
  @IsOptional()
  @IsIn(FINDING_KINDS)
  finding?: FindingKind;

  @IsOptional()
  @IsIn(FINDING_OUTCOMES)
  outcome?: FindingOutcome;
}

@Controller('api/v1/iot-hubs')
export class IotHubsController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Post()
  @Operation({
    summary: 'Add an Azure IoT Hub, whose devices are then managed here; it is tried out first',
    asks: [createHub],
    body: HubInput,
    status: 201,
    location: (path, id) => `${path}/${id}`,
  })
  createIotHub(@CheckedBody(HubInput) hub: HubInput, @Creating() creating: Caller): Promise<HubView> {
    return this.bus.request(createHub, { ...creating, hub }, PATIENT);
  }

  @Get()
  @Operation({ summary: 'List the IoT Hubs', asks: [listHubs], query: PageQuery })
  listIotHubs(
    @CheckedQuery(PageQuery) query: PageQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<HubPage> {
    return this.bus.request(listHubs, { ...reading, ...query });
  }

  @Get(':id')
  @Operation({ summary: 'One IoT Hub', asks: [getHub] })
  getIotHub(@Param('id') hubId: string, @Reading() reading: { tenantId: string }): Promise<HubView> {
    return this.bus.request(getHub, { ...reading, hubId });
  }

  @Patch(':id')
  @Operation({
    summary: 'Change an IoT Hub: its name, its key, whose devices are in it; another key is tried out first',
    asks: [editHub],
    body: HubEdit,
  })
  editIotHub(
    @Param('id') hubId: string,
    @CheckedBody(HubEdit) edit: HubEdit,
    @Changing() changing: Caller,
  ): Promise<HubView> {
    return this.bus.request(editHub, { ...changing, hubId, edit }, PATIENT);
  }

  @Post(':id/check')
  @Operation({
    summary: 'Try an IoT Hub out now, and tell what is wrong with it',
    asks: [checkHub],
    status: 200,
  })
  checkIotHub(@Param('id') hubId: string, @Reading() reading: { tenantId: string }): Promise<HubCheck> {
    return this.bus.request(checkHub, { ...reading, hubId }, PATIENT);
  }

  @Post(':id/reconcile')
  @Operation({
    summary: 'Bring an IoT Hub and the devices here together, both ways, as a job',
    asks: [startReconcile],
    body: ReconcileInput,
    status: 202,
    location: jobLocation,
  })
  reconcileIotHub(
    @Param('id') hubId: string,
    @CheckedBody(ReconcileInput) reconcile: ReconcileInput,
    @Creating() creating: Caller,
  ): Promise<JobStarted> {
    return this.bus.request(startReconcile, { ...creating, hubId, reconcile });
  }

  @Get(':id/findings')
  @Operation({
    summary: 'What the IoT Hub has and we have not, and the other way round: by the last reconciliation',
    asks: [listFindings],
    query: FindingsQuery,
  })
  listIotHubFindings(
    @Param('id') hubId: string,
    @CheckedQuery(FindingsQuery) query: FindingsQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<FindingPage> {
    return this.bus.request(listFindings, { ...reading, hubId, ...query });
  }

  @Delete(':id')
  @Operation({
    summary: 'Forget an IoT Hub and its key; in the hub itself nothing changes',
    asks: [deleteHub],
    status: 204,
  })
  deleteIotHub(@Param('id') hubId: string, @Who() who: Caller): Promise<Done> {
    return this.bus.request(deleteHub, { ...who, hubId });
  }
}
