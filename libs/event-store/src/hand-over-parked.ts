import { startUpkeep, type Logger, type Upkeep } from '@muster/observability';
import type { Database } from './database.js';

/** One event that cannot be published. */
export interface UntoldEvent {
  readonly tenantId: string;
  /** Of the event table: `device-<id>`. */
  readonly stream: string;
  readonly version: number;
  readonly reason: string;
}

const EVERY_MS = 5_000;
const AT_ONCE = 100;

/**
 * Takes what the relay parked from `relay_parked` to where operators look. A step of its own, because the place belongs to
 * another service, which may be away: the relay goes on, and what it parked is on disk meanwhile.
 */
export const startHandOver = ({
  database,
  isActive,
  park,
  logger,
}: {
  readonly database: Database;
  readonly isActive: () => boolean;
  /** Resolves when it is there. Idempotent. */
  readonly park: (event: UntoldEvent) => Promise<void>;
  readonly logger: Logger;
}): Upkeep => {
  const round = async (signal: AbortSignal): Promise<boolean> => {
    if (!isActive()) return false;
    const { rows } = await database.query<{ tenant_id: string } & Omit<UntoldEvent, 'tenantId'>>(
      'SELECT tenant_id, stream, version, reason FROM relay_parked ORDER BY parked_at LIMIT $1',
      [AT_ONCE],
    );
    for (const { tenant_id: tenantId, stream, version, reason } of rows) {
      if (signal.aborted) return false;
      await park({ tenantId, stream, version, reason });
      await database.query('DELETE FROM relay_parked WHERE tenant_id = $1 AND stream = $2 AND version = $3', [
        tenantId,
        stream,
        version,
      ]);
    }
    return rows.length === AT_ONCE;
  };

  return startUpkeep({ what: 'handing over what the relay parked', everyMs: EVERY_MS, round, logger });
};
