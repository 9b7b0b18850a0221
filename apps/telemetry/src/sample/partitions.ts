import type { Database } from '@muster/event-store';
import type { Logger } from '@muster/observability';
import { DAY_MICROS, dayOf, isoMillis, nowMicros } from './time.js';

const DAYS_AHEAD = 2;
const DELETE_AT_ONCE = 10_000;

/** Advisory locks of this schema; the class is ours alone, the numbers mean: */
const LOCK_CLASS = 0x6d746c6d;
const PARTITION_LOCK = 2;
const RETENTION_LOCK = 3;

/**
 * One partition per day from `retentionDays` ago to the day after tomorrow; samples of other days lie in
 * `samples_default`. A day that has rows there never gets a partition of its own, so days only leave that range: the
 * window moves forward.
 */
export class Partitions {
  private readonly made = new Set<number>();

  constructor(
    private readonly database: Database,
    private readonly retentionDays: number,
    private readonly logger: Logger,
  ) {}

  /** Before a batch with samples of these times (Unix microseconds) is stored. Costs nothing when all are there. */
  async ensureFor(times: Iterable<number>): Promise<void> {
    const days = new Set<number>();
    for (const time of times) {
      const day = dayOf(time);
      if (!this.made.has(day)) days.add(day);
    }
    const today = dayOf(nowMicros());
    for (const day of days) {
      if (day < today - this.retentionDays || day > today + DAYS_AHEAD) continue;
      await this.make(day);
      this.made.add(day);
    }
  }

  /** Today and the next days; drops what is too old. Several processes may do it at once. */
  async maintain(): Promise<void> {
    const now = nowMicros();
    await this.ensureFor(Array.from({ length: DAYS_AHEAD + 1 }, (_, days) => now + days * DAY_MICROS));
    if (await this.dropOld(dayOf(now) - this.retentionDays))
      await this.deleteOldStrays(now - this.retentionDays * DAY_MICROS);
  }

  private async make(day: number): Promise<void> {
    const name = partitionOf(day);
    try {
      await this.database.transaction(async (tx) => {
        // Two processes that attach at once would wait for each other's locks on the default partition.
        await tx.query('SELECT pg_advisory_xact_lock($1, $2)', [LOCK_CLASS, PARTITION_LOCK]);
        // Whoever waits for a lock on the table makes everybody behind wait, too: rather try again later.
        await tx.query(`SET LOCAL lock_timeout = '3s'`);
        const { rowCount } = await tx.query(
          `SELECT 1 FROM pg_inherits WHERE inhparent = 'samples'::regclass AND inhrelid = to_regclass($1)`,
          [name],
        );
        if (rowCount === 1) return;
        // Not CREATE TABLE … PARTITION OF: that would lock out readers and writers of all other days.
        await tx.query(`CREATE TABLE ${name} (LIKE samples INCLUDING ALL)`);
        await tx.query(
          `ALTER TABLE samples ATTACH PARTITION ${name}
           FOR VALUES FROM ('${isoMillis(day * DAY_MICROS)}') TO ('${isoMillis((day + 1) * DAY_MICROS)}')`,
        );
        this.logger.info({ partition: name }, 'partition made');
      });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === '23514')) throw error;
      // The default partition has rows of this day, from a time when the day was out of range. They stay together there.
      this.logger.warn(
        { partition: name },
        'the day has samples in the default partition, and gets none of its own',
      );
    }
  }

  /**
   * False: another process is at it, and goes on to the end. Whoever went on beside it could hold the lock when that one
   * comes to its next partition, which both would then leave for an hour.
   */
  private async dropOld(oldestDay: number): Promise<boolean> {
    const { rows } = await this.database.query<{ name: string }>(
      `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
       WHERE i.inhparent = 'samples'::regclass AND c.relname ~ '^samples_[0-9]{8}$' AND c.relname < $1 ORDER BY 1`,
      [partitionOf(oldestDay)],
    );
    for (const { name } of rows) {
      const isOurs = await this.database.transaction(async (tx) => {
        if (!(await tryRetentionLock(tx))) return false;
        await tx.query(`SET LOCAL lock_timeout = '3s'`);
        // DETACH … CONCURRENTLY is refused where there is a default partition; the lock is held for milliseconds.
        await tx.query(`DROP TABLE IF EXISTS ${name}`);
        this.logger.info({ partition: name }, 'partition dropped');
        return true;
      });
      if (!isOurs) return false;
    }
    return true;
  }

  private async deleteOldStrays(receivedBefore: number): Promise<void> {
    for (let deleted = DELETE_AT_ONCE; deleted === DELETE_AT_ONCE;) {
      deleted = await this.database.transaction(async (tx) => {
        if (!(await tryRetentionLock(tx))) return 0;
        const { rowCount } = await tx.query(
          `DELETE FROM samples_default WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM samples_default WHERE received_at < $1::timestamptz LIMIT ${DELETE_AT_ONCE}))`,
          [isoMillis(receivedBefore)],
        );
        return rowCount ?? 0;
      });
    }
  }
}

/** False: another process is at it. */
const tryRetentionLock = async (tx: {
  query(text: string, values: unknown[]): Promise<{ rows: { locked?: boolean }[] }>;
}): Promise<boolean> => {
  const { rows } = await tx.query('SELECT pg_try_advisory_xact_lock($1, $2) AS locked', [
    LOCK_CLASS,
    RETENTION_LOCK,
  ]);
  return rows[0]?.locked === true;
};

const partitionOf = (day: number): string =>
  `samples_${isoMillis(day * DAY_MICROS)
    .slice(0, 10)
    .replaceAll('-', '')}`;
