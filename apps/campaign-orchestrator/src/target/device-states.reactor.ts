import { Controller, Inject } from '@nestjs/common';
import {
  configurationApplied,
  configurationDispatched,
  configurationRejected,
  desiredConfigurationChanged,
  reportedStateChanged,
  type DesiredConfigurationChanged,
} from '@muster/contracts/configuration/published';
import { deviceDeleted } from '@muster/contracts/device-registry/published';
import { Consumes, type Delivered } from '@muster/messaging';
import { DeviceWatch } from './device-watch.js';

const events = [
  desiredConfigurationChanged,
  configurationDispatched,
  configurationApplied,
  configurationRejected,
  reportedStateChanged,
  deviceDeleted,
];

/**
 * Something has happened to devices: whoever follows them looks at them. What exactly it was is not asked here, but for what
 * campaigns have written themselves: whoever wrote it sees to the look (`write-batch.ts`).
 */
@Controller()
export class DeviceStatesReactor {
  constructor(@Inject(DeviceWatch) private readonly watch: DeviceWatch) {}

  @Consumes({
    durable: 'campaign-orchestrator-states',
    events,
    batch: { size: 500, waitMs: 20 },
    from: 'now',
  })
  async look(delivered: readonly Delivered<{ deviceId: string }>[]): Promise<void> {
    for (const tenantId of new Set(delivered.map((one) => one.tenantId))) {
      const own = delivered.filter((one) => one.tenantId === tenantId && !isWrittenHere(one));
      const deleted = own.filter(({ contract }) => contract === deviceDeleted);
      await this.watch.look(
        tenantId,
        own.map(({ data }) => data.deviceId),
        new Set(deleted.map(({ data }) => data.deviceId)),
      );
    }
  }
}

const isWrittenHere = ({ contract, data }: Delivered<object>): boolean =>
  contract === desiredConfigurationChanged &&
  (data as DesiredConfigurationChanged).source.kind === 'campaign';
