import { Controller } from '@nestjs/common';
import { AppError } from '@muster/contracts';
import {
  type DeviceRef,
  getDevice,
  type DeviceView,
} from '@muster/contracts/device-registry/devices.requests';
import { Handles } from '@muster/messaging';

/** Stands for the registry: every device is there but `unknown`. */
@Controller()
export class Registry {
  @Handles(getDevice)
  get({ deviceId }: DeviceRef): Promise<DeviceView> {
    if (deviceId === 'unknown')
      return Promise.reject(new AppError('device-not-found', 'There is no such device.'));
    return Promise.resolve({
      id: deviceId,
      name: 'radiator',
      deviceType: 'thermostat',
      deviceTypeId: 't1',
      appVersion: 'thermostat-v1',
      interface: 'mqtt',
      folder: '/',
      tags: [],
      metadata: {},
      connectivity: { connected: false, since: null, lastSeenAt: null },
      version: 7,
      createdAt: '2026-11-20T00:00:00.000Z',
    });
  }
}
