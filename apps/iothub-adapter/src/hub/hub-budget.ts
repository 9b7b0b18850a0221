import type { Database } from '@muster/event-store';
import { rateOf, type RateClass } from './hub-rates.js';
import type { StoredHub } from './hubs.projection.js';

type LimitedHub = Pick<StoredHub, 'id' | 'tier' | 'units'>;

/** How often a hub may still be asked, counted in the database for all replicas together: a hub has one throttle for all of them. */
export class HubBudget {
  constructor(private readonly database: Database) {}

  /** Takes as many of `wanted` as may be asked now. */
  async take({ id, tier, units }: LimitedHub, of: RateClass, wanted: number): Promise<number> {
    const { perSecond, burst } = rateOf(of, tier, units);
    return this.database.transaction(async (tx) => {
      await tx.query(
        'INSERT INTO hub_budgets (hub_id, class, tokens, at) VALUES ($1, $2, $3, now()) ON CONFLICT DO NOTHING',
        [id, of, burst],
      );
      const { rows } = await tx.query<{ level: number }>(
        `SELECT least($3, tokens + $4 * greatest(0, extract(epoch FROM now() - at)))::double precision AS level
         FROM hub_budgets WHERE hub_id = $1 AND class = $2 FOR UPDATE`,
        [id, of, burst, perSecond],
      );
      const level = rows[0]?.level ?? 0;
      const granted = Math.min(wanted, Math.floor(level));
      if (granted > 0) {
        await tx.query(
          'UPDATE hub_budgets SET tokens = $3, at = now() WHERE hub_id = $1 AND class = $2 AND at <= now()',
          [id, of, level - granted],
        );
      }
      return granted;
    });
  }

  /** The hub has told to wait: nobody asks for so long. */
  async drain({ id }: Pick<LimitedHub, 'id'>, of: RateClass, seconds: number): Promise<void> {
    await this.database.query(
      `INSERT INTO hub_budgets AS b (hub_id, class, tokens, at) VALUES ($1, $2, 0, now() + $3 * interval '1 second')
       ON CONFLICT (hub_id, class) DO UPDATE SET tokens = 0, at = greatest(b.at, excluded.at)`,
      [id, of, seconds],
    );
  }
}
