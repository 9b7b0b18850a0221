import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from '@muster/observability';
import type { Readers } from './readers.js';
import type { TenantAccounts } from './tenant-accounts.js';

export interface Tending {
  /** Throws when rounds have been failing for a minute. */
  check(): void;
  /** Finishes the round in hand. */
  stop(): Promise<void>;
}

const UNWELL_AFTER_MS = 60_000;

/**
 * Brings NATS to what PostgreSQL says, over and over: accounts it was not told of or has lost, consumers it has lost. Every
 * replica does it; doing it twice changes nothing.
 */
export const startTending = ({
  accounts,
  readers,
  everyMs,
  logger,
}: {
  readonly accounts: TenantAccounts;
  readonly readers: Readers;
  readonly everyMs: number;
  readonly logger: Logger;
}): Tending => {
  const stopping = new AbortController();
  let failingSince: number | undefined;

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        await accounts.applyAll();
        const made = await readers.tend();
        if (made > 0) logger.info({ consumers: made }, 'consumers of integrations were made again');
        failingSince = undefined;
      } catch (error) {
        failingSince ??= Date.now();
        logger.warn({ err: error }, 'integrations could not be tended');
      }
      await pause(everyMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };

  const running = run();
  return {
    check: () => {
      if (failingSince !== undefined && Date.now() - failingSince > UNWELL_AFTER_MS) {
        throw new Error('NATS cannot be brought to what is stored');
      }
    },
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
};
