import { Controller, Inject } from '@nestjs/common';
import { softwareApplied, type SoftwareApplied } from '@muster/contracts/firmware/published';
import type { Database } from '@muster/event-store';
import { Consumes, type Delivered } from '@muster/messaging';
import { DATABASE } from '@muster/service-host';
import { learnSoftware } from './device-software.js';

export const SOFTWARE_CONSUMER = 'device-registry-software';

/** Follows what devices say they run, so that the list of devices can be filtered by it. */
@Controller()
export class SoftwareReactor {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  @Consumes({ durable: SOFTWARE_CONSUMER, events: [softwareApplied] })
  follow(events: readonly Delivered<SoftwareApplied>[]): Promise<void> {
    return learnSoftware(
      this.database,
      events.map(({ tenantId, data: { deviceId, software, softwareVersion, version } }) => ({
        tenantId,
        deviceId,
        software,
        softwareVersion,
        version,
      })),
    );
  }
}
