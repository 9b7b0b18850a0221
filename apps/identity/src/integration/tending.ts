import { startUpkeep, type Logger, type Upkeep } from '@muster/observability';
import type { Readers } from './readers.js';
import type { IntegratorsAccounts } from './integrators-accounts.js';

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
  readonly accounts: IntegratorsAccounts;
  readonly readers: Readers;
  readonly everyMs: number;
  readonly logger: Logger;
}): Upkeep => {
  let isFirst = true;
  return startUpkeep({
    what: 'bringing NATS to what is stored of integrations',
    everyMs,
    unwellAfterMs: UNWELL_AFTER_MS,
    round: async () => {
      await accounts.applyAll();
      const sharing = isFirst ? await accounts.sharing() : [];
      isFirst = false;
      if (sharing.length > 0)
        logger.warn(
          { integrations: sharing },
          'integrations share an account on NATS: renew their credentials',
        );
      const made = await readers.tend();
      if (made > 0) logger.info({ consumers: made }, 'consumers of integrations were made again');
      return false;
    },
    logger,
  });
};
