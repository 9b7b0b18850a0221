import { Controller, Delete, Inject, Param, Patch, Put } from '@nestjs/common';
import type { JsonObject, JsonValue } from '@muster/contracts';
import type { DeviceView } from '@muster/contracts/device-registry/devices.requests';
import { changeMetadata, deleteMetadataKey } from '@muster/contracts/device-registry/metadata.requests';
import { type Asking, ASKING } from '../providers.js';
import { ObjectBody, ValueBody } from '../http/body.js';
import { Changing, type Caller } from '../http/caller.js';
import { Operation } from '../openapi/operation.js';

@Controller('api/v1/devices/:id/metadata')
export class MetadataController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Patch()
  @Operation({
    summary: 'Merge into the metadata; null removes a key',
    asks: [changeMetadata],
    body: 'object',
  })
  changeMetadata(
    @Param('id') deviceId: string,
    @ObjectBody() patch: JsonObject,
    @Changing() changing: Caller,
  ): Promise<DeviceView> {
    return this.bus.request(changeMetadata, { ...changing, deviceId, patch });
  }

  @Put(':key')
  @Operation({ summary: 'Set one metadata key', asks: [changeMetadata], body: 'value' })
  setMetadataKey(
    @Param('id') deviceId: string,
    @Param('key') key: string,
    @ValueBody() value: JsonValue,
    @Changing() changing: Caller,
  ): Promise<DeviceView> {
    return this.bus.request(changeMetadata, { ...changing, deviceId, patch: { [key]: value } });
  }

  @Delete(':key')
  @Operation({ summary: 'Remove one metadata key', asks: [deleteMetadataKey], status: 204 })
  deleteMetadataKey(
    @Param('id') deviceId: string,
    @Param('key') key: string,
    @Changing() changing: Caller,
  ): Promise<DeviceView> {
    return this.bus.request(deleteMetadataKey, { ...changing, deviceId, key });
  }
}
