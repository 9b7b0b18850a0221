import { Controller, Get, Inject, Param, Patch, Put } from '@nestjs/common';
import type { JsonObject } from '@muster/contracts';
import {
  changeDefaults,
  editTypeConfiguration,
  getTypeConfiguration,
  TypeConfigurationEdit,
  type DefaultsChanged,
  type TypeConfigurationView,
} from '@muster/contracts/configuration/type-configuration.requests';
import { type Asking, ASKING } from '../providers.js';
import { jobLocation } from '../http/answer-rules.js';
import { CheckedBody, ObjectBody } from '../http/body.js';
import { Changing, Reading, type Caller } from '../http/caller.js';
import { Operation } from '../openapi/operation.js';

/** `{id}` may be the name. */
@Controller('api/v1/device-types/:id')
export class TypeConfigurationController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Get('configuration')
  @Operation({
    summary: 'Declared keys, limits and defaults of a device type',
    asks: [getTypeConfiguration],
  })
  getTypeConfiguration(
    @Param('id') deviceType: string,
    @Reading() reading: { tenantId: string },
  ): Promise<TypeConfigurationView> {
    return this.bus.request(getTypeConfiguration, { ...reading, deviceType });
  }

  @Patch('configuration')
  @Operation({
    summary: 'Declare keys, refuse undeclared ones, set limits; null takes back',
    asks: [editTypeConfiguration],
    body: TypeConfigurationEdit,
  })
  editTypeConfiguration(
    @Param('id') deviceType: string,
    @CheckedBody(TypeConfigurationEdit) edit: TypeConfigurationEdit,
    @Changing() changing: Caller,
  ): Promise<TypeConfigurationView> {
    return this.bus.request(editTypeConfiguration, { ...changing, deviceType, edit });
  }

  @Patch('configuration/defaults')
  @Operation({
    summary: 'Merge into the defaults of a device type; a job gives them to the devices',
    asks: [changeDefaults],
    body: 'object',
    status: 202,
    location: jobLocation,
  })
  mergeTypeDefaults(
    @Param('id') deviceType: string,
    @ObjectBody() defaults: JsonObject,
    @Changing() changing: Caller,
  ): Promise<DefaultsChanged> {
    return this.bus.request(changeDefaults, { ...changing, deviceType, mode: 'merge', defaults });
  }

  @Put('configuration/defaults')
  @Operation({
    summary: 'Replace the defaults of a device type; a job gives them to the devices',
    asks: [changeDefaults],
    body: 'object',
    status: 202,
    location: jobLocation,
  })
  replaceTypeDefaults(
    @Param('id') deviceType: string,
    @ObjectBody() defaults: JsonObject,
    @Changing() changing: Caller,
  ): Promise<DefaultsChanged> {
    return this.bus.request(changeDefaults, { ...changing, deviceType, mode: 'replace', defaults });
  }

  @Patch('app-versions/:name/configuration/defaults')
  @Operation({
    summary: 'Merge into the defaults of an application version; a job gives them to the devices',
    asks: [changeDefaults],
    body: 'object',
    status: 202,
    location: jobLocation,
  })
  mergeAppVersionDefaults(
    @Param('id') deviceType: string,
    @Param('name') appVersion: string,
    @ObjectBody() defaults: JsonObject,
    @Changing() changing: Caller,
  ): Promise<DefaultsChanged> {
    return this.bus.request(changeDefaults, { ...changing, deviceType, appVersion, mode: 'merge', defaults });
  }

  @Put('app-versions/:name/configuration/defaults')
  @Operation({
    summary: 'Replace the defaults of an application version; a job gives them to the devices',
    asks: [changeDefaults],
    body: 'object',
    status: 202,
    location: jobLocation,
  })
  replaceAppVersionDefaults(
    @Param('id') deviceType: string,
    @Param('name') appVersion: string,
    @ObjectBody() defaults: JsonObject,
    @Changing() changing: Caller,
  ): Promise<DefaultsChanged> {
    return this.bus.request(changeDefaults, {
      ...changing,
      deviceType,
      appVersion,
      mode: 'replace',
      defaults,
    });
  }
}
