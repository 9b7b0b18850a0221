import { Controller, Inject } from '@nestjs/common';
import {
  listLimitedHubs,
  type LimitedHubs,
  type ListLimitedHubs,
} from '@muster/contracts/iothub-adapter/limits.requests';
import { Handles } from '@muster/messaging';
import { OwedOffers } from './owed-offers.js';

@Controller()
export class LimitedHubHandlers {
  constructor(@Inject(OwedOffers) private readonly owed: OwedOffers) {}

  @Handles(listLimitedHubs)
  async list({ tenantId, deviceIds }: ListLimitedHubs): Promise<LimitedHubs> {
    return { items: await this.owed.limited(tenantId, deviceIds) };
  }
}
