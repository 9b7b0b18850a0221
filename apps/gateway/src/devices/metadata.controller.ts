import { Controller, Delete, Get, Inject, Param, Patch, Put, Res } from '@nestjs/common';
import type { Response } from 'express';
import { AppError, type JsonObject, type JsonValue } from '@muster/contracts';
import { getDevice, type DeviceView } from '@muster/contracts/device-registry/devices.requests';
import { changeMetadata, deleteMetadataKey } from '@muster/contracts/device-registry/metadata.requests';
import { type Asking, ASKING } from '../providers.js';
import { ObjectBody, ValueBody } from '../http/body.js';
import { Changing, Reading, type Caller } from '../http/caller.js';
import { etagOf } from '../http/if-match.js';
import { Operation } from '../openapi/operation.js';

@Controller('api/v1/devices/:id/metadata')
export class MetadataController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Get()
  @Operation({ summary: 'Get the metadata', asks: [getDevice], answer: 'object', etag: true })
  async getMetadata(
    @Param('id') deviceId: string,
    @Reading() reading: { tenantId: string },
    @Res({ passthrough: true }) response: Response,
  ): Promise<JsonObject> {
    const { metadata, version } = await this.bus.request(getDevice, { ...reading, deviceId });
    response.setHeader('etag', etagOf(version));
    return metadata;
  }

  @Get(':key')
  @Operation({
    summary: 'Get one metadata key',
    asks: [getDevice],
    answer: 'value',
    etag: true,
    errors: ['metadata-key-not-found'],
  })
  async getMetadataKey(
    @Param('id') deviceId: string,
    @Param('key') key: string,
    @Reading() reading: { tenantId: string },
    @Res() response: Response,
  ): Promise<void> {
    const { metadata, version } = await this.bus.request(getDevice, { ...reading, deviceId });
    if (!Object.hasOwn(metadata, key)) {
      throw new AppError('metadata-key-not-found', 'The device has no such metadata key.');
    }
    // Written here: Nest would send a text as it is, and null as nothing.
    response.setHeader('etag', etagOf(version)).type('application/json').send(JSON.stringify(metadata[key]));
  }

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
