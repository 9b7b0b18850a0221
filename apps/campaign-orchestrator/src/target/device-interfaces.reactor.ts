import { Controller, Inject } from '@nestjs/common';
import { deviceChanged, type DeviceChanged } from '@muster/contracts/device-registry/published';
import { Consumes, type Delivered } from '@muster/messaging';
import { DeviceInterfaces } from './device-interfaces.js';

@Controller()
export class DeviceInterfacesReactor {
  constructor(@Inject(DeviceInterfaces) private readonly interfaces: DeviceInterfaces) {}

  @Consumes({
    durable: 'campaign-orchestrator-interfaces',
    events: [deviceChanged],
    batch: { size: 500, waitMs: 20 },
    from: 'now',
  })
  async follow(delivered: readonly Delivered<DeviceChanged>[]): Promise<void> {
    const moved = delivered.filter(({ data }) => Object.hasOwn(data.changes, 'interface'));
    for (const tenantId of new Set(moved.map((one) => one.tenantId))) {
      const own = moved.filter((one) => one.tenantId === tenantId);
      await this.interfaces.follow(tenantId, [...new Set(own.map(({ data }) => data.deviceId))]);
    }
  }
}
