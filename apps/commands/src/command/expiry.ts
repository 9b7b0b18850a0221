import type { Database, EventStore } from '@muster/event-store';
import { startUpkeep, type Logger, type Metrics, type Upkeep } from '@muster/observability';
import { commandQueue } from './command-queue.decider.js';
import type { CommandTable } from './command-table.js';
import { queueId } from './names.js';

export interface ExpiryOptions {
  readonly database: Database;
  readonly store: EventStore;
  readonly table: CommandTable;
  readonly everyMs: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const COMMANDS_AT_ONCE = 500;
const UNWELL_AFTER_MS = 10_000;

/**
 * Records the expiry of commands nobody answered, so that it is told to others. Decisions and queries do not depend on
 * it: they take the time themselves.
 *
 * Of several replicas one works at a time. The lock spares the others double work; were it lost, two rounds would meet in
 * the version check of the streams, and the second would find nothing to do.
 */
export const startExpiry = (options: ExpiryOptions): Upkeep => {
  const { database, store, table, everyMs, logger, metrics } = options;
  const expired = metrics.counter('muster_commands_expired_total', 'Commands that expired without an answer');

  /** Returns how many commands expired. */
  const round = (): Promise<number> =>
    database.transaction(async (tx) => {
      const { rows } = await tx.query<{ locked: boolean }>(
        'SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS locked',
        [`muster expiry ${database.schema}`],
      );
      if (rows[0]?.locked !== true) return 0;
      const now = new Date();
      const queues = await table.overdue(tx, now, COMMANDS_AT_ONCE);
      const outcomes = await store.executeMany(
        commandQueue,
        queues.map(({ tenantId, deviceId, type }) => ({
          tenantId,
          id: queueId(deviceId, type),
          command: { type: 'ExpireCommands', at: now.toISOString() },
          metadata: { actor: { kind: 'system', id: 'commands' } },
        })),
      );
      let count = 0;
      for (const outcome of outcomes) {
        if (outcome.error === undefined) count += outcome.events.length;
        else logger.warn({ err: outcome.error }, 'commands of one type will be expired later');
      }
      return count;
    });

  return startUpkeep({
    what: 'the expiry of commands',
    everyMs,
    unwellAfterMs: UNWELL_AFTER_MS,
    round: async () => {
      const count = await round();
      expired.inc(count);
      return count >= COMMANDS_AT_ONCE;
    },
    logger,
  });
};
