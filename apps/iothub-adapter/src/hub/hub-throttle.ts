import { setTimeout as sleep } from 'node:timers/promises';
import { HubFailure, type HubRest } from '../azure/hub-rest.js';
import { readTwin, type HubTwin } from '../azure/hub-twins.js';
import type { HubBudget } from './hub-budget.js';
import type { RateClass } from './hub-rates.js';
import type { StoredHub } from './hubs.projection.js';

/** The hub may not be asked more often now: what it would say itself. */
export class NotItsTurn extends HubFailure {
  /** `of`: in whose queue to wait. */
  constructor(
    { hostName }: Pick<StoredHub, 'hostName'>,
    readonly of: RateClass,
  ) {
    super(429, 'Throttled', `${hostName} may not be asked more often (${of})`);
  }
}

/** Asks hubs no more often than they may be. */
export class HubThrottle {
  constructor(private readonly budget: HubBudget) {}

  /** Waits until the hub may be asked, a moment at most. Throws `NotItsTurn`. */
  async turn(hub: StoredHub, of: RateClass, isQueued: boolean): Promise<void> {
    const waitMs = await this.budget.reserve(hub, of, { isQueued });
    if (waitMs === undefined) throw new NotItsTurn(hub, of);
    if (waitMs > 0) await sleep(waitMs);
  }

  /** There are twice as many readings as changes; where they are used up all the same, the queue is that of changes. Throws `NotItsTurn`. */
  async readTwin(hub: StoredHub, rest: HubRest, id: string): Promise<HubTwin> {
    try {
      await this.turn(hub, 'twin-reads', true);
      return await this.heeded(hub, 'twin-reads', readTwin(rest, id));
    } catch (error) {
      if (!(error instanceof NotItsTurn)) throw error;
      throw new NotItsTurn(hub, 'twin-updates');
    }
  }

  /** A hub that has had too much says for how long nobody is to ask. Throws `NotItsTurn`, and all else that it says. */
  async heeded<T>(hub: StoredHub, of: RateClass, asked: Promise<T>): Promise<T> {
    try {
      return await asked;
    } catch (error) {
      if (!(error instanceof HubFailure) || error.status !== 429) throw error;
      await this.budget.drain(hub, of, error.retryAfterSeconds ?? 1);
      throw new NotItsTurn(hub, of);
    }
  }

  giveBack(hub: StoredHub, of: RateClass): Promise<void> {
    return this.budget.giveBack(hub, of);
  }
}
