import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '@muster/event-store';
import { rateOf, type RateClass } from './hub-rates.js';
import type { StoredHub } from './hubs.projection.js';

type ThrottledHub = Pick<StoredHub, 'id' | 'tier' | 'units'>;

/** Who gets a place waits for it at most so long. */
const MAX_WAIT_SECONDS = 1;

/**
 * How often a hub may still be asked, counted in the database for all replicas together: a hub has one throttle for all of them.
 * What is single either gets its place within a second, or takes the next one in the hub's queue (`hub_owed_offers`), whose end
 * is known from its length and the throttle.
 *
 * By `clock_timestamp()`: what waits for the row must see the time at which it got it, not when it began to wait.
 */
export class HubBudget {
  constructor(private readonly database: Database) {}

  /** Takes as many of `wanted` as may be asked now. */
  async take({ id, tier, units }: ThrottledHub, of: RateClass, wanted: number): Promise<number> {
    const { perSecond, burst } = rateOf(of, tier, units);
    return this.database.transaction(async (tx) => {
      await tx.query(
        'INSERT INTO hub_budgets (hub_id, class, tokens, at) VALUES ($1, $2, $3, now()) ON CONFLICT DO NOTHING',
        [id, of, burst],
      );
      await tx.query('SELECT FROM hub_budgets WHERE hub_id = $1 AND class = $2 FOR UPDATE', [id, of]);
      const { rows } = await tx.query<{ level: number }>(
        `SELECT least($3, tokens + $4 * extract(epoch FROM clock_timestamp() - at))::double precision AS level
         FROM hub_budgets WHERE hub_id = $1 AND class = $2 AND at <= clock_timestamp()`,
        [id, of, burst, perSecond],
      );
      const level = rows[0]?.level ?? 0;
      const granted = Math.max(0, Math.min(wanted, Math.floor(level)));
      if (granted > 0) {
        await tx.query(
          'UPDATE hub_budgets SET tokens = $3, at = clock_timestamp() WHERE hub_id = $1 AND class = $2',
          [id, of, level - granted],
        );
      }
      return granted;
    });
  }

  /**
   * Takes one, and says in how many milliseconds it may be used; undefined: there is none within a second, or others are queued
   * before it. `isQueued`: it was queued itself, and its turn has come.
   */
  async reserve(
    { id, tier, units }: ThrottledHub,
    of: RateClass,
    { isQueued }: { readonly isQueued: boolean },
  ): Promise<number | undefined> {
    const { perSecond, burst } = rateOf(of, tier, units);
    const level = 'least($3::float8, b.tokens + $4 * extract(epoch FROM clock_timestamp() - b.at))';
    const { rows } = await this.database.query<{ wait_ms: number }>({
      name: 'reserve-of-budget',
      text: `INSERT INTO hub_budgets AS b (hub_id, class, tokens, at) VALUES ($1, $2, $3::float8 - 1, clock_timestamp())
             ON CONFLICT (hub_id, class) DO UPDATE SET tokens = ${level} - 1, at = clock_timestamp()
               WHERE b.at <= clock_timestamp() AND ${level} - 1 >= - $4::float8 * $5
                 AND ($6 OR b.queue_ends_at IS NULL OR b.queue_ends_at <= clock_timestamp())
             RETURNING greatest(0, - tokens / $4::float8 * 1000)::float8 AS wait_ms`,
      values: [id, of, burst, perSecond, MAX_WAIT_SECONDS, isQueued],
    });
    return rows[0]?.wait_ms;
  }

  /** What was reserved was not needed. */
  async giveBack({ id }: Pick<ThrottledHub, 'id'>, of: RateClass): Promise<void> {
    await this.database.query('UPDATE hub_budgets SET tokens = tokens + 1 WHERE hub_id = $1 AND class = $2', [
      id,
      of,
    ]);
  }

  /** Waits until one more may be asked. False: not within `ms`. */
  async wait(hub: ThrottledHub, of: RateClass, ms: number): Promise<boolean> {
    const until = Date.now() + ms;
    while ((await this.take(hub, of, 1)) === 0) {
      if (Date.now() >= until) return false;
      await sleep(50 + Math.random() * 100);
    }
    return true;
  }

  /** The hub has told to wait: nobody asks for so long. */
  async drain({ id }: Pick<ThrottledHub, 'id'>, of: RateClass, seconds: number): Promise<void> {
    await this.database.query(
      `INSERT INTO hub_budgets AS b (hub_id, class, tokens, at) VALUES ($1, $2, 0, now() + $3 * interval '1 second')
       ON CONFLICT (hub_id, class) DO UPDATE SET tokens = 0, at = greatest(b.at, excluded.at)`,
      [id, of, seconds],
    );
  }
}
