import { Controller, Delete, Get, Inject, Param, Patch, Post } from '@nestjs/common';
import { IsIn, IsOptional } from 'class-validator';
import { IsFilter, type Done } from '@muster/contracts';
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
  type DeviceList,
  type DeviceView,
  type ProvisionedDevice,
} from '@muster/contracts/device-registry/devices.requests';
import { type Asking, ASKING } from '../providers.js';
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
    summary: 'Whether a device is connected, and when it was last heard',
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
    status: 204,
  })
  deleteDevice(@Param('id') deviceId: string, @Changing() changing: Caller): Promise<Done> {
    return this.bus.request(deleteDevice, { ...changing, deviceId });
  }
}
