import { Controller, Get, Inject, Param, Post } from '@nestjs/common';
import {
  getHubDevice,
  readHubConnectionString,
  type HubConnectionString,
  type HubDevice,
} from '@muster/contracts/iothub-adapter/devices.requests';
import { type Asking, ASKING } from '../providers.js';
import { Reading, Who, type Caller } from '../http/caller.js';
import { Operation } from '../openapi/operation.js';

const PATIENT = { timeoutMs: 35_000 };

@Controller('api/v1/devices/:deviceId/iot-hub')
export class IotHubDevicesController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Get()
  @Operation({
    summary: 'In which IoT Hub a device is, and whether it is there already',
    asks: [getHubDevice],
  })
  getHubDevice(
    @Param('deviceId') deviceId: string,
    @Reading() reading: { tenantId: string },
  ): Promise<HubDevice> {
    return this.bus.request(getHubDevice, { ...reading, deviceId });
  }

  @Post('connection-string')
  @Operation({
    summary: 'What the device connects to its IoT Hub with, read from the hub; that it was read is on record',
    asks: [readHubConnectionString],
    status: 200,
    secret: true,
  })
  readHubConnectionString(
    @Param('deviceId') deviceId: string,
    @Who() who: Caller,
  ): Promise<HubConnectionString> {
    return this.bus.request(readHubConnectionString, { ...who, deviceId }, PATIENT);
  }
}
