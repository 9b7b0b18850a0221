import { Controller, Get, Inject, Res } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import type { Response } from 'express';
import { Done, IsFilter, MAX_PAGE, type JsonObject } from '@muster/contracts';
import {
  listDevices,
  type DeviceList,
  type DeviceView,
} from '@muster/contracts/device-registry/devices.requests';
import { type Asking, ASKING } from '../providers.js';
import { Reading } from '../http/caller.js';
import { sendCsv, sendNdjson, type CsvColumns } from '../http/csv.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';

/** A filter may take seconds before it is refused as too slow. */
const FILTER_ANSWER_MS = 10_000;

const FORMATS = ['csv', 'ndjson'] as const;

export class ExportQuery {
  @IsOptional()
  @IsFilter()
  filter?: string;

  /** Default: `csv`. */
  @IsOptional()
  @IsIn(FORMATS)
  format?: (typeof FORMATS)[number];
}

/** A value of null is none to an import, which would take the key away. */
const metadataOf = ({ metadata }: DeviceView): JsonObject =>
  Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== null));

/** As an import reads them: what is exported can be imported again, and changes nothing. */
const COLUMNS: CsvColumns<DeviceView> = {
  id: ({ id }) => id,
  name: ({ name }) => name,
  deviceType: ({ deviceType }) => deviceType,
  appVersion: ({ appVersion }) => appVersion,
  interface: (device) => device.interface,
  folder: ({ folder }) => folder,
  tags: ({ tags }) => tags.join(';'),
  serialNumber: ({ serialNumber }) => serialNumber,
  'position.latitude': ({ position }) => position?.latitude,
  'position.longitude': ({ position }) => position?.longitude,
  'position.altitude': ({ position }) => position?.altitude,
  parentId: ({ parentId }) => parentId,
  metadata: (device) => metadataOf(device),
};

const lineOf = (device: DeviceView): object => {
  const { id, name, deviceType, appVersion, folder, tags, serialNumber, position, parentId } = device;
  const fields = { id, name, deviceType, appVersion, interface: device.interface, folder, tags };
  return { ...fields, serialNumber, position, parentId, metadata: metadataOf(device) };
};

@Controller('api/v1/exports')
export class ExportsController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Get('devices')
  @Operation({
    summary: 'Devices as a file that can be imported again: CSV, or a JSON object on each line',
    asks: [listDevices],
    query: ExportQuery,
    answer: Done,
  })
  @ApiResponse({
    status: 200,
    description: 'The file, in the order of the names.',
    content: {
      'text/csv': { schema: { type: 'string' } },
      'application/x-ndjson': { schema: { type: 'string' } },
    },
  })
  async exportDevices(
    @CheckedQuery(ExportQuery) { filter, format }: ExportQuery,
    @Reading() reading: { tenantId: string },
    @Res() response: Response,
  ): Promise<void> {
    const pageAt = (cursor: string | undefined): Promise<DeviceList> =>
      this.bus.request(
        listDevices,
        { ...reading, filter, sort: 'name', limit: MAX_PAGE, cursor },
        { timeoutMs: FILTER_ANSWER_MS },
      );
    await (format === 'ndjson'
      ? sendNdjson(response, 'devices', lineOf, pageAt)
      : sendCsv(response, 'devices', COLUMNS, pageAt));
  }
}
