import { Controller, Inject } from '@nestjs/common';
import {
  awaitState,
  type AwaitState,
  type StateAwaited,
} from '@muster/contracts/device-registry/state.requests';
import type { Database } from '@muster/event-store';
import { currentDeadline, Handles } from '@muster/messaging';
import { DATABASE } from '@muster/service-host';
import { deviceCondition } from '../device/device-filter.js';
import { SOURCES, StateProgress, TRAVEL_MS } from './state-progress.js';

@Controller()
export class StateHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(StateProgress) private readonly progress: StateProgress,
  ) {}

  @Handles(awaitState)
  async await({ tenantId, filter }: AwaitState): Promise<StateAwaited> {
    const reads =
      typeof filter === 'string' ? (await deviceCondition(this.database, tenantId, filter)).reads : SOURCES;
    const asOf = await this.progress.catchUp(reads, (currentDeadline() ?? Date.now()) - 2 * TRAVEL_MS);
    return { asOf: asOf.toISOString() };
  }
}
