import { Controller, Delete, Get, Inject, Param, Patch, Post } from '@nestjs/common';
import type { Done } from '@muster/contracts';
import {
  addAppVersion,
  AppVersionInput,
  createDeviceType,
  deleteAppVersion,
  deleteDeviceType,
  DeviceTypeEdit,
  DeviceTypeInput,
  editDeviceType,
  getAppVersion,
  getDeviceType,
  listAppVersions,
  listDeviceTypes,
  type AppVersionPage,
  type AppVersionView,
  type DeviceTypeList,
  type DeviceTypeView,
} from '@muster/contracts/device-registry/device-types.requests';
import { type Asking, ASKING } from '../providers.js';
import { CheckedBody } from '../http/body.js';
import { Changing, Creating, Reading, type Caller } from '../http/caller.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';
import { PageQuery } from '../http/page-query.js';

/** `{id}` may be the name. */
@Controller('api/v1/device-types')
export class DeviceTypesController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Post()
  @Operation({
    summary: 'Create a device type',
    asks: [createDeviceType],
    body: DeviceTypeInput,
    status: 201,
    location: (path, id) => `${path}/${id}`,
  })
  createDeviceType(
    @CheckedBody(DeviceTypeInput) deviceType: DeviceTypeInput,
    @Creating() creating: Caller,
  ): Promise<DeviceTypeView> {
    return this.bus.request(createDeviceType, { ...creating, deviceType });
  }

  @Get()
  @Operation({ summary: 'List device types by name', asks: [listDeviceTypes], query: PageQuery })
  listDeviceTypes(
    @CheckedQuery(PageQuery) { limit, cursor, count }: PageQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<DeviceTypeList> {
    return this.bus.request(listDeviceTypes, { ...reading, limit, cursor, count });
  }

  @Get(':id')
  @Operation({ summary: 'Get a device type by id or name', asks: [getDeviceType] })
  getDeviceType(
    @Param('id') deviceType: string,
    @Reading() reading: { tenantId: string },
  ): Promise<DeviceTypeView> {
    return this.bus.request(getDeviceType, { ...reading, deviceType });
  }

  @Patch(':id')
  @Operation({ summary: 'Edit a device type', asks: [editDeviceType], body: DeviceTypeEdit })
  editDeviceType(
    @Param('id') deviceType: string,
    @CheckedBody(DeviceTypeEdit) edit: DeviceTypeEdit,
    @Changing() changing: Caller,
  ): Promise<DeviceTypeView> {
    return this.bus.request(editDeviceType, { ...changing, deviceType, edit });
  }

  @Delete(':id')
  @Operation({ summary: 'Delete a device type without devices', asks: [deleteDeviceType], status: 204 })
  deleteDeviceType(@Param('id') deviceType: string, @Changing() changing: Caller): Promise<Done> {
    return this.bus.request(deleteDeviceType, { ...changing, deviceType });
  }

  @Post(':id/app-versions')
  @Operation({
    summary: 'Add an application version',
    asks: [addAppVersion],
    body: AppVersionInput,
    status: 201,
    location: (path, id) => `${path}/${id}`,
  })
  addAppVersion(
    @Param('id') deviceType: string,
    @CheckedBody(AppVersionInput) appVersion: AppVersionInput,
    @Creating() creating: Caller,
  ): Promise<AppVersionView> {
    return this.bus.request(addAppVersion, { ...creating, deviceType, appVersion });
  }

  @Get(':id/app-versions')
  @Operation({
    summary: 'List the application versions, oldest first',
    asks: [listAppVersions],
    query: PageQuery,
  })
  listAppVersions(
    @Param('id') deviceType: string,
    @CheckedQuery(PageQuery) page: PageQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<AppVersionPage> {
    return this.bus.request(listAppVersions, { ...reading, deviceType, ...page });
  }

  @Get(':id/app-versions/:name')
  @Operation({ summary: 'Get an application version by id or name', asks: [getAppVersion] })
  getAppVersion(
    @Param('id') deviceType: string,
    @Param('name') appVersion: string,
    @Reading() reading: { tenantId: string },
  ): Promise<AppVersionView> {
    return this.bus.request(getAppVersion, { ...reading, deviceType, appVersion });
  }

  @Delete(':id/app-versions/:name')
  @Operation({
    summary: 'Delete an application version that no device has',
    asks: [deleteAppVersion],
    status: 204,
  })
  deleteAppVersion(
    @Param('id') deviceType: string,
    @Param('name') appVersion: string,
    @Changing() changing: Caller,
  ): Promise<Done> {
    return this.bus.request(deleteAppVersion, { ...changing, deviceType, appVersion });
  }
}
