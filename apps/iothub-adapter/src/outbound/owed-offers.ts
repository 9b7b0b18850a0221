import type { LimitedHub } from '@muster/contracts/iothub-adapter/limits.requests';
import type { Downlink } from '@muster/downlink';
import type { Database } from '@muster/event-store';
import { startUpkeep, type Logger, type Upkeep } from '@muster/observability';
import { rateOf, type RateClass } from '../hub/hub-rates.js';
import type { StoredHub } from '../hub/hubs.projection.js';

interface Owed {
  readonly tenantId: string;
  readonly deviceId: string;
  /** Of what is told: cmx, cmx_ota or cex. */
  readonly extension: string;
}

interface Debt extends Owed {
  /** By when it must be done; told back, to see whether it is the same debt still. */
  readonly claim: string;
}

const AT_ONCE = 100;
const MAX_PAUSE_SECONDS = 300;

/**
 * Devices that could not be told something because of their hub. One hub that is away must not keep the devices of others from
 * theirs, so nobody waits for it: the device is noted here, and offered what is due to it later. What waits for a hub's throttle
 * is a queue: each device has its turn, as often as the throttle allows.
 */
export class OwedOffers {
  /** What this process is just offering again: their turn has come. */
  private readonly offering = new Map<string, number>();

  constructor(private readonly database: Database) {}

  /** The hub is away, or fails: with growing pauses. */
  async owe({ tenantId, deviceId, extension }: Owed): Promise<void> {
    await this.database.query({
      text: `INSERT INTO hub_owed_offers AS o (tenant_id, device_id, extension, due_at)
             VALUES ($1, $2, $3, now() + interval '1 second')
             ON CONFLICT (tenant_id, device_id, extension) DO UPDATE SET attempts = o.attempts + 1, hub_id = NULL, limited_by = NULL,
               claimed = false, due_at = now() + least($4, 2 ^ least(o.attempts, 10)) * interval '1 second'`,
      values: [tenantId, deviceId, extension, MAX_PAUSE_SECONDS],
    });
  }

  /**
   * The hub's throttle does not allow it now: after all that wait for it already. Who waits keeps his turn. Nobody may have asked
   * for anything of that class yet: who has to wait for a reading of a twin waits with those who change them.
   */
  async queue({ tenantId, deviceId, extension }: Owed, hub: StoredHub, of: RateClass): Promise<void> {
    const { perSecond, burst } = rateOf(of, hub.tier, hub.units);
    await this.database.query({
      text: `WITH turn AS (
               INSERT INTO hub_budgets AS b (hub_id, class, tokens, at, queue_ends_at)
               SELECT $4, $5, $7::float8, clock_timestamp(), clock_timestamp() + interval '1 second' / $6::float8
               WHERE NOT EXISTS (
                 SELECT FROM hub_owed_offers
                 WHERE tenant_id = $1 AND device_id = $2 AND extension = $3 AND limited_by IS NOT NULL AND NOT claimed)
               ON CONFLICT (hub_id, class) DO UPDATE SET queue_ends_at =
                 greatest(clock_timestamp(), b.at, b.queue_ends_at) + interval '1 second' / $6::float8
               RETURNING queue_ends_at)
             INSERT INTO hub_owed_offers (tenant_id, device_id, extension, hub_id, limited_by, due_at)
             SELECT $1, $2, $3, $4, $5, queue_ends_at FROM turn
             ON CONFLICT (tenant_id, device_id, extension) DO UPDATE SET attempts = 1, hub_id = excluded.hub_id,
               limited_by = excluded.limited_by, due_at = excluded.due_at, claimed = false`,
      values: [tenantId, deviceId, extension, hub.id, of, perSecond, burst],
    });
  }

  /** Whether its turn has come, and this process is at it. */
  isOffering(owed: Owed): boolean {
    return this.offering.has(keyOf(owed));
  }

  /**
   * Which hubs of the tenant cannot be told documents as fast as there are; of these devices alone, if any are given. Commands wait
   * in the same queue, for a reading of a twin, and are no document.
   */
  async limited(tenantId: string, deviceIds: readonly string[] | undefined): Promise<LimitedHub[]> {
    const { rows } = await this.database.query<{ id: string; name: string; waiting: number; until: Date }>({
      text: `SELECT h.id, h.name, greatest(now(), b.queue_ends_at) AS until,
               (SELECT count(*)::integer FROM hub_owed_offers o
                WHERE o.hub_id = h.id AND o.limited_by = b.class AND o.extension <> 'cex') AS waiting
             FROM hubs h JOIN hub_budgets b ON b.hub_id = h.id AND b.class = 'twin-updates'
             WHERE h.tenant_id = $1 AND EXISTS (
               SELECT FROM hub_owed_offers o WHERE o.hub_id = h.id AND o.limited_by = b.class AND o.extension <> 'cex'
                 AND ($2::text[] IS NULL OR (o.tenant_id = $1 AND o.device_id = ANY($2))))
             ORDER BY b.queue_ends_at DESC`,
      values: [tenantId, deviceIds ?? null],
    });
    return rows.map(({ until, ...hub }) => ({ ...hub, until: until.toISOString() }));
  }

  /** Some that are due now; the others of this process and of others do not get them for as long as the next pause is. */
  async claim(): Promise<Debt[]> {
    const { rows } = await this.database.query<{
      tenant_id: string;
      device_id: string;
      extension: string;
      claim: string;
    }>({
      text: `UPDATE hub_owed_offers o SET due_at = now() + $2 * interval '1 second', claimed = true
             FROM (SELECT tenant_id, device_id, extension FROM hub_owed_offers WHERE due_at <= now()
                   ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED) due
             WHERE o.tenant_id = due.tenant_id AND o.device_id = due.device_id AND o.extension = due.extension
             RETURNING o.tenant_id, o.device_id, o.extension, o.due_at::text AS claim`,
      values: [AT_ONCE, MAX_PAUSE_SECONDS],
    });
    return rows.map(({ tenant_id: tenantId, device_id: deviceId, ...debt }) => ({
      tenantId,
      deviceId,
      ...debt,
    }));
  }

  /**
   * Does `offer`, which tells the device what is due to it; unless it could not be told something again, that is all. Rejects as
   * `offer` does, and the debt stays. Either way its turn is over: else it would pass the queue for ever.
   */
  async pay(debt: Debt, offer: () => Promise<void>): Promise<void> {
    const { tenantId, deviceId, extension, claim } = debt;
    const key = keyOf(debt);
    this.offering.set(key, (this.offering.get(key) ?? 0) + 1);
    try {
      await offer();
    } finally {
      const others = (this.offering.get(key) ?? 1) - 1;
      if (others === 0) this.offering.delete(key);
      else this.offering.set(key, others);
    }
    await this.database.query({
      text: `DELETE FROM hub_owed_offers
             WHERE tenant_id = $1 AND device_id = $2 AND extension = $3 AND due_at = $4::timestamptz`,
      values: [tenantId, deviceId, extension, claim],
    });
  }
}

/** Offers them again, over and over, every replica some of them. */
export const startOwedOffers = (
  owed: OwedOffers,
  downlink: Pick<Downlink, 'becameReachable'>,
  { everyMs, logger }: { readonly everyMs: number; readonly logger: Logger },
): Upkeep =>
  startUpkeep({
    what: 'telling devices of IoT Hubs what they could not be told',
    everyMs,
    round: async () => {
      const debts = await owed.claim();
      // Beside the round: an offer may wait for a service that is away, and comes back here if it fails.
      const reachableAt = new Date().toISOString();
      for (const debt of debts) {
        const { tenantId, deviceId, extension } = debt;
        void owed
          .pay(debt, () =>
            downlink.becameReachable({ tenantId, deviceId, reachableAt }, (one) => one === extension),
          )
          .catch((error: unknown) => logger.warn({ err: error }, 'a device is offered the same once more'));
      }
      return debts.length === AT_ONCE;
    },
    logger,
  });

const keyOf = ({ tenantId, deviceId, extension }: Owed): string => `${tenantId} ${deviceId} ${extension}`;
