import { Controller, Delete, Get, Inject, Param, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiResponse } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { Done } from '@muster/contracts';
import { getDevice } from '@muster/contracts/device-registry/devices.requests';
import {
  deleteUpload,
  getUpload,
  listUploads,
  type UploadPage,
} from '@muster/contracts/firmware/uploads.requests';
import { sendFile } from '@muster/files';
import { type Asking, ASKING, type FileParts, FILES } from '../providers.js';
import { Reading, Who, type Caller } from '../http/caller.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';
import { PageQuery } from '../http/page-query.js';

const BYTES = { type: 'string', format: 'binary' };

/** What the device uploaded (bcx). */
@Controller('api/v1/devices/:id/files')
export class FilesController {
  constructor(
    @Inject(ASKING) private readonly bus: Asking,
    @Inject(FILES) private readonly parts: FileParts,
  ) {}

  @Get()
  @Operation({
    summary: 'List the files of a device, newest first',
    asks: [getDevice, listUploads],
    query: PageQuery,
  })
  async listFiles(
    @Param('id') deviceId: string,
    @CheckedQuery(PageQuery) { limit, cursor, count }: PageQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<UploadPage> {
    await this.bus.request(getDevice, { ...reading, deviceId });
    return this.bus.request(listUploads, { ...reading, deviceId, limit, cursor, count });
  }

  /** Nest sends nothing by itself where it hands out the response: the file does. */
  @Get(':fileId')
  @Operation({
    summary: 'Download a file, or a range of it',
    asks: [getDevice, getUpload],
    answer: Done,
    errors: ['range-not-satisfiable'],
  })
  @ApiHeader({ name: 'Range', required: false, schema: { type: 'string' }, description: '`bytes=0-499`' })
  @ApiResponse({
    status: 200,
    description: 'The file.',
    content: { 'application/octet-stream': { schema: BYTES } },
  })
  @ApiResponse({
    status: 206,
    description: 'The range.',
    content: { 'application/octet-stream': { schema: BYTES } },
  })
  @ApiResponse({ status: 304, description: 'Not changed since the `If-None-Match`.' })
  async downloadFile(
    @Param('id') deviceId: string,
    @Param('fileId') uploadId: string,
    @Reading() reading: { tenantId: string },
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    await this.bus.request(getDevice, { ...reading, deviceId });
    const { fileKey: key, ...file } = await this.bus.request(getUpload, { ...reading, deviceId, uploadId });
    await sendFile(request, response, this.parts.store, { ...file, key });
  }

  @Delete(':fileId')
  @Operation({ summary: 'Delete a file', asks: [deleteUpload], status: 204 })
  deleteFile(
    @Param('id') deviceId: string,
    @Param('fileId') uploadId: string,
    @Who() who: Caller,
  ): Promise<Done> {
    return this.bus.request(deleteUpload, { ...who, deviceId, uploadId });
  }
}
