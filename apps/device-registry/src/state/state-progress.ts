import { setTimeout as pause } from 'node:timers/promises';
import { AppError, type RequestContract, type Done } from '@muster/contracts';
import {
  awaitConfigurationPublished,
  type AwaitPublished,
} from '@muster/contracts/configuration/states.requests';
import { awaitSoftwarePublished } from '@muster/contracts/firmware/running-software.requests';
import type { Database } from '@muster/event-store';
import { consumerProgress, lastSequence, type Bus } from '@muster/messaging';
import { startUpkeep, type Logger, type Metrics, type Upkeep } from '@muster/observability';
import { SOFTWARE_CONSUMER } from '../software/software.reactor.js';
import { STATE_CONSUMER } from './state.reactor.js';
import { whileRunning } from './while-running.js';

/** Whose events are followed for filters. */
export const SOURCES = ['configuration', 'firmware'] as const;
export type StateSource = (typeof SOURCES)[number];

const CONSUMERS: Readonly<
  Record<StateSource, { readonly durable: string; readonly published: RequestContract<AwaitPublished, Done> }>
> = {
  configuration: { durable: STATE_CONSUMER, published: awaitConfigurationPublished },
  firmware: { durable: SOFTWARE_CONSUMER, published: awaitSoftwarePublished },
};

const LOOK_EVERY_MS = 20;
/** What an answer may take on its way. */
export const TRAVEL_MS = 100;
/** How often it is found out how far behind the tables are: what lists say of it is at most this much too old. */
const WATCH_EVERY_MS = 1_000;
const WATCH_WITHIN_MS = 5_000;

/**
 * How far what is followed of other services' events is behind these services. The owner is asked to have published what it has
 * acknowledged; then everything is in the stream, and the consumer's acknowledgements say when it is in the tables: an event is
 * acknowledged after its commit.
 */
export class StateProgress {
  private readonly asOf = new Map<StateSource, Date>();

  constructor(
    private readonly database: Database,
    private readonly bus: Bus,
  ) {}

  /**
   * What these sources had acknowledged before `stateAsOf` is in the tables, all of it; empty: not known. To be asked before the
   * tables are read: what comes in between may be in the answer or not.
   */
  ageOf(sources: Iterable<StateSource>): { stateAsOf?: string; stateLagSeconds?: number } {
    let oldest = Date.now();
    for (const source of sources) {
      const asOf = this.asOf.get(source);
      if (asOf === undefined) return {};
      oldest = Math.min(oldest, asOf.getTime());
    }
    return {
      stateAsOf: new Date(oldest).toISOString(),
      stateLagSeconds: Math.max(0, (Date.now() - oldest) / 1_000),
    };
  }

  /** Resolves when what the sources had acknowledged before the call is in the tables. Throws `unavailable` after the deadline. */
  async catchUp(sources: Iterable<StateSource>, deadline: number): Promise<Date> {
    const began = new Date();
    await Promise.all([...sources].map((source) => this.catchUpWith(source, began, deadline)));
    return began;
  }

  private async catchUpWith(source: StateSource, began: Date, deadline: number): Promise<void> {
    const { durable, published } = CONSUMERS[source];
    await this.assertFilled(source);
    const left = Math.max(1, deadline - Date.now());
    await this.bus.request(published, { withinMs: left }, { timeoutMs: left + TRAVEL_MS });
    const last = await lastSequence(this.bus, source);
    for (let idle = 0; ;) {
      const { handledTo, behind } = await consumerProgress(this.bus, source, durable);
      // The newest event may be none that the consumer asks for, and is then never acknowledged. That nothing waits for it is
      // believed when it is seen twice: the server counts a moment after it has stored.
      idle = behind === 0 ? idle + 1 : 0;
      if (handledTo >= last || idle > 1) break;
      if (Date.now() + LOOK_EVERY_MS > deadline) {
        throw new AppError(
          'unavailable',
          `device-registry is behind ${source} (messages: ${behind}): filters do not find all yet.`,
          { retryAfterSeconds: 1 },
        );
      }
      await pause(LOOK_EVERY_MS);
    }
    const before = this.asOf.get(source);
    if (before === undefined || before < began) this.asOf.set(source, began);
  }

  private async assertFilled(source: StateSource): Promise<void> {
    const { rows } = await this.database.query<{ filled: boolean }>({
      name: 'is-filled',
      text: 'SELECT filled_at IS NOT NULL AS filled FROM state_fills WHERE source = $1',
      values: [source],
    });
    if (rows[0]?.filled === true) return;
    this.asOf.delete(source);
    throw new AppError('unavailable', `device-registry is still filling in what it knows from ${source}.`, {
      retryAfterSeconds: 5,
    });
  }
}

/** Finds out again and again; every replica for itself. */
export const watchProgress = (
  progress: StateProgress,
  { logger, metrics }: { readonly logger: Logger; readonly metrics: Metrics },
): Upkeep[] => {
  const lag = metrics.gauge(
    'muster_state_lag_seconds',
    'How far what filters know is behind the service it comes from; looked at once a second',
    ['source'],
  );
  return SOURCES.map((source) => {
    const what = `finding out how far filters are behind ${source}`;
    const round = async (): Promise<boolean> => {
      try {
        await progress.catchUp([source], Date.now() + WATCH_WITHIN_MS);
      } finally {
        const { stateLagSeconds } = progress.ageOf([source]);
        if (stateLagSeconds !== undefined) lag.set({ source }, stateLagSeconds);
      }
      return false;
    };
    return startUpkeep({ what, everyMs: WATCH_EVERY_MS, round: whileRunning(what, logger, round), logger });
  });
};
