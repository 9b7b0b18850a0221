import { Controller, Get, Inject, Res } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsOptional } from 'class-validator';
import type { Response } from 'express';
import { Done, IsFilter, MAX_PAGE, type JsonObject } from '@muster/contracts';
import { MAX_STATES, ownValuesOf, readDeviceStates } from '@muster/contracts/configuration/campaign.requests';
import { listDevices, type DeviceView } from '@muster/contracts/device-registry/devices.requests';
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

  /** Whether the devices' own desired values are in it; defaults are not. */
  @IsOptional()
  @IsBoolean()
  desired?: boolean;
}

type Exported = DeviceView & { readonly desired?: JsonObject };

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

const WITH_DESIRED: CsvColumns<Exported> = { ...COLUMNS, desired: ({ desired }) => desired };

const lineOf = (device: Exported): object => {
  const { id, name, deviceType, appVersion, folder, tags, serialNumber, position, parentId, desired } =
    device;
  const fields = { id, name, deviceType, appVersion, interface: device.interface, folder, tags };
  return { ...fields, serialNumber, position, parentId, metadata: metadataOf(device), desired };
};

@Controller('api/v1/exports')
export class ExportsController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Get('devices')
  @Operation({
    summary: 'Devices as a file that can be imported again: CSV, or a JSON object on each line',
    asks: [listDevices, readDeviceStates],
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
    @CheckedQuery(ExportQuery) { filter, format, desired }: ExportQuery,
    @Reading() reading: { tenantId: string },
    @Res() response: Response,
  ): Promise<void> {
    const pageAt = async (cursor: string | undefined): Promise<Page> => {
      const page = await this.bus.request(
        listDevices,
        { ...reading, filter, sort: 'name', limit: MAX_PAGE, cursor },
        { timeoutMs: FILTER_ANSWER_MS },
      );
      return desired === true ? { ...page, items: await this.withDesired(reading, page.items) } : page;
    };
    await (format === 'ndjson'
      ? sendNdjson(response, 'devices', lineOf, pageAt)
      : sendCsv(response, 'devices', desired === true ? WITH_DESIRED : COLUMNS, pageAt));
  }

  /** With the values that are each device's own. */
  private async withDesired(
    reading: { readonly tenantId: string },
    devices: readonly DeviceView[],
  ): Promise<readonly Exported[]> {
    const own = new Map<string, JsonObject>();
    let deviceIds: readonly string[] = devices.map(({ id }) => id);
    while (deviceIds.length > 0) {
      const { states, askAgain = [] } = await this.bus.request(readDeviceStates, {
        ...reading,
        deviceIds: deviceIds.slice(0, MAX_STATES),
      });
      for (const state of states) own.set(state.deviceId, ownValuesOf(state));
      deviceIds = [...askAgain, ...deviceIds.slice(MAX_STATES)];
    }
    return devices.map((device) => ({ ...device, desired: own.get(device.id) ?? {} }));
  }
}

interface Page {
  readonly items: readonly Exported[];
  readonly nextCursor: string | null;
}
