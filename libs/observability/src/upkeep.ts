import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from './logger.js';

export interface UpkeepOptions {
  /** Of what is kept up, in the log and in the health: `the expiry of commands`. */
  readonly what: string;
  readonly everyMs: number;
  /** For how long rounds may fail until it is unwell. */
  readonly unwellAfterMs?: number;
  /**
   * One round, of bounded size. True: there is more, which is done at once, so that what is written fast is also cleared
   * fast. Should come to an end when `signal` does.
   */
  readonly round: (signal: AbortSignal) => Promise<boolean>;
  readonly logger: Logger;
}

export interface Upkeep {
  /** Throws when rounds have been failing for too long. */
  check(): void;
  /** Finishes the round in hand. */
  stop(): Promise<void>;
}

const AGAIN_AFTER_FAILURE_MS = 60_000;
const UNWELL_AFTER_MS = 120_000;
/** Replicas that started together must not go on together. */
const JITTER = 0.1;

/**
 * Work that a service does again and again beside its requests, from now on. Every replica does; where they would be in
 * each other's way, the round takes a lock or skips what another has. A round that fails is tried again after `everyMs`,
 * within a minute at the latest.
 */
export const startUpkeep = (options: UpkeepOptions): Upkeep => {
  const { what, everyMs, unwellAfterMs = UNWELL_AFTER_MS, round, logger } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  let failingSince: number | undefined;
  let failure: unknown;

  /** How long to wait afterwards. */
  const once = async (): Promise<number> => {
    try {
      const more = await round(signal);
      failingSince = undefined;
      return more ? 0 : everyMs * (1 + JITTER * (2 * Math.random() - 1));
    } catch (error) {
      failingSince ??= Date.now();
      failure = error;
      logger.warn({ err: error }, `${what}: will be tried again`);
      return Math.min(everyMs, AGAIN_AFTER_FAILURE_MS);
    }
  };

  const run = async (): Promise<void> => {
    while (!signal.aborted) await pause(await once(), undefined, { signal }).catch(() => undefined);
  };

  const running = run();
  return {
    check: () => {
      if (failingSince === undefined || Date.now() - failingSince <= unwellAfterMs) return;
      throw new Error(`${what} fails: ${failure instanceof Error ? failure.message : String(failure)}`);
    },
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
};
