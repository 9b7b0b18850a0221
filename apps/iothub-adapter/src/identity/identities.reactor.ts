import { Controller, Inject } from '@nestjs/common';
import { listAccess } from '@muster/contracts/device-registry/access.requests';
import {
  deviceChanged,
  deviceCredentialChanged,
  deviceDeleted,
  deviceProvisioned,
  deviceStatusChanged,
  deviceTokenChanged,
  type DeviceFact,
} from '@muster/contracts/device-registry/published';
import { hubAdded, hubChanged, hubRemoved, type HubFact } from '@muster/contracts/iothub-adapter/published';
import { Consumes, type Bus, type Delivered } from '@muster/messaging';
import { BUS } from '@muster/service-host';
import { IdentityLedger } from './identity-ledger.js';

const PAGE = 500;

/** Devices and hubs that change → what is wanted of hubs. */
@Controller()
export class IdentitiesReactor {
  constructor(
    @Inject(BUS) private readonly bus: Pick<Bus, 'request'>,
    @Inject(IdentityLedger) private readonly ledger: IdentityLedger,
  ) {}

  /** Not each change of metadata costs a question: of those only what can be another identity. */
  @Consumes({
    durable: 'iothub-adapter-identities',
    events: [
      deviceProvisioned,
      deviceChanged,
      deviceDeleted,
      deviceTokenChanged,
      deviceCredentialChanged,
      deviceStatusChanged,
    ],
    batch: { size: 200, waitMs: 20 },
  })
  async devicesChanged(events: readonly Delivered<DeviceFact>[]): Promise<void> {
    const named = events.filter(({ data }) => mayMatter(data)).map(({ data }) => data.deviceId);
    if (named.length > 0) await this.ledger.note(named);
  }

  /** With a hub that is new, has other device types or is gone, any device may be in another one. 100,000 devices are 200 questions. */
  @Consumes({
    durable: 'iothub-adapter-hubs',
    events: [hubAdded, hubChanged, hubRemoved],
    batch: { size: 100, waitMs: 0 },
    ackWaitMs: 60_000,
  })
  async hubsChanged(events: readonly Delivered<HubFact>[]): Promise<void> {
    const tenants = new Set(events.map(({ tenantId }) => tenantId));
    for (let cursor: string | undefined; ;) {
      const page = await this.bus.request(
        listAccess,
        { limit: PAGE, ...(cursor === undefined ? {} : { cursor }) },
        { timeoutMs: 10_000 },
      );
      const ids = page.entries
        .filter((entry) => entry.interface === 'iothub' && tenants.has(entry.tenantId))
        .map(({ deviceId }) => deviceId);
      if (ids.length > 0) await this.ledger.note(ids);
      if (page.nextCursor === null) return;
      cursor = page.nextCursor;
    }
  }
}

const mayMatter = (data: DeviceFact): boolean => {
  if ('changes' in data) return Object.keys(data.changes as object).some((field) => MATTER.includes(field));
  return !('interface' in data) || data.interface === 'iothub';
};

const MATTER = ['interface', 'tokenOnly'];
