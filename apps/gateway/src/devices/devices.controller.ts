import { Controller, Delete, Get, Inject, Param, Patch, Post, Res } from '@nestjs/common';
import type { Response } from 'express';
import { IsBoolean, IsIn, IsOptional } from 'class-validator';
import { Described, IsFilter } from '@muster/contracts';
import {
  getConnectivity,
  type DeviceConnectivity,
} from '@muster/contracts/device-registry/connectivity.requests';
import {
  deleteDevice,
  DEVICE_SORTS,
  DeviceEdit,
  DeviceInput,
  editDevice,
  getDevice,
  listDevices,
  provisionDevice,
  type DeviceDeletion,
  type DeviceList,
  type DeviceView,
  type ProvisionedDevice,
} from '@muster/contracts/device-registry/devices.requests';
import { JobStarted } from '@muster/contracts/jobs/requests';
import { type Asking, ASKING } from '../providers.js';
import { jobLocation } from '../http/answer-rules.js';
import { CheckedBody } from '../http/body.js';
import { Changing, Creating, Reading, type Caller } from '../http/caller.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';
import { PageQuery } from '../http/page-query.js';

/** A filter may take seconds before it is refused as too slow. */
const FILTER_ANSWER_MS = 10_000;

export class DevicesQuery extends PageQuery {
  @IsOptional()
  @IsFilter()
  filter?: string;

  @IsOptional()
  @IsIn(DEVICE_SORTS)
  sort?: (typeof DEVICE_SORTS)[number];
}

export class DeleteQuery {
  @IsOptional()
  @Described(() => ({
    description:
      'True: its samples, uploads, commands and the history of its configuration go too, as a job; asked again for a device that is deleted, it is erased then.',
  }))
  @IsBoolean()
  erase?: boolean;
}

@Controller('api/v1/devices')
export class DevicesController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Post()
  @Operation({
    summary: 'Create a device; its secrets are shown this once',
    asks: [provisionDevice],
    body: DeviceInput,
    status: 201,
    secret: true,
    location: (path, id) => `${path}/${id}`,
  })
  createDevice(
    @CheckedBody(DeviceInput) device: DeviceInput,
    @Creating() creating: Caller,
  ): Promise<ProvisionedDevice> {
    return this.bus.request(provisionDevice, { ...creating, device });
  }

  @Get()
  @Operation({ summary: 'List devices', asks: [listDevices], query: DevicesQuery })
  listDevices(
    @CheckedQuery(DevicesQuery) { limit, cursor, sort, count, filter }: DevicesQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<DeviceList> {
    return this.bus.request(
      listDevices,
      { ...reading, limit, cursor, sort, count, filter },
      { timeoutMs: FILTER_ANSWER_MS },
    );
  }

  @Get(':id')
  @Operation({ summary: 'Get a device', asks: [getDevice] })
  getDevice(@Param('id') deviceId: string, @Reading() reading: { tenantId: string }): Promise<DeviceView> {
    return this.bus.request(getDevice, { ...reading, deviceId });
  }

  @Get(':id/connectivity')
  @Operation({
    summary: 'Whether a device is connected, since when and by which connections, and why the last one ended',
    asks: [getConnectivity],
  })
  getConnectivity(
    @Param('id') deviceId: string,
    @Reading() reading: { tenantId: string },
  ): Promise<DeviceConnectivity> {
    return this.bus.request(getConnectivity, { ...reading, deviceId });
  }

  @Patch(':id')
  @Operation({ summary: 'Edit a device', asks: [editDevice], body: DeviceEdit })
  editDevice(
    @Param('id') deviceId: string,
    @CheckedBody(DeviceEdit) edit: DeviceEdit,
    @Changing() changing: Caller,
  ): Promise<DeviceView> {
    return this.bus.request(editDevice, { ...changing, deviceId, edit });
  }

  @Delete(':id')
  @Operation({
    summary: 'Delete a device; its tokens stop working at once',
    asks: [deleteDevice],
    query: DeleteQuery,
    status: 204,
    also: {
      202: {
        description: 'With `erase=true`: it is deleted, and a job erases what else there is of it.',
        answer: JobStarted,
      },
    },
  })
  async deleteDevice(
    @Param('id') deviceId: string,
    @CheckedQuery(DeleteQuery) { erase }: DeleteQuery,
    @Changing() changing: Caller,
    @Res({ passthrough: true }) response: Response,
  ): Promise<DeviceDeletion> {
    const deletion = await this.bus.request(deleteDevice, { ...changing, deviceId, erase });
    if (deletion.jobId !== undefined) {
      response.status(202);
      response.setHeader('location', jobLocation('', deletion.jobId));
    }
    return deletion;
  }
}
