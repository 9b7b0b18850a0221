import { Controller, Inject } from '@nestjs/common';
import type { Erased, EraseDevices } from '@muster/contracts';
import { eraseTelemetry } from '@muster/contracts/telemetry/erasure.requests';
import type { Database } from '@muster/event-store';
import { Handles } from '@muster/messaging';
import { DATABASE } from '@muster/service-host';
import { eraseSamples } from './erase-samples.js';

@Controller()
export class ErasureHandlers {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  @Handles(eraseTelemetry)
  async erase({ tenantId, deviceIds }: EraseDevices): Promise<Erased> {
    return { complete: await eraseSamples(this.database, tenantId, deviceIds) };
  }
}
