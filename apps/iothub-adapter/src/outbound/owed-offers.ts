import type { Downlink } from '@muster/downlink';
import type { Database } from '@muster/event-store';
import { startUpkeep, type Logger, type Upkeep } from '@muster/observability';

interface Owed {
  readonly tenantId: string;
  readonly deviceId: string;
  /** Of what is told: cmx, cmx_ota or cex. */
  readonly extension: string;
}

interface Debt extends Owed {
  readonly attempts: number;
}

const AT_ONCE = 100;
const MAX_PAUSE_SECONDS = 300;

/**
 * Devices that could not be told something because of their hub. One hub that is away must not keep the devices of others from
 * theirs, so nobody waits for it: the device is noted here, and offered what is due to it later.
 */
export class OwedOffers {
  constructor(private readonly database: Database) {}

  async owe({ tenantId, deviceId, extension }: Owed): Promise<void> {
    await this.database.query({
      text: `INSERT INTO hub_owed_offers AS o (tenant_id, device_id, extension, due_at)
             VALUES ($1, $2, $3, now() + interval '1 second')
             ON CONFLICT (tenant_id, device_id, extension) DO UPDATE SET attempts = o.attempts + 1,
               due_at = now() + least($4, 2 ^ least(o.attempts, 10)) * interval '1 second'`,
      values: [tenantId, deviceId, extension, MAX_PAUSE_SECONDS],
    });
  }

  /** It was offered what is due to it; unless it could not be told something again, that is all. */
  async offered({ tenantId, deviceId, extension, attempts }: Debt): Promise<void> {
    await this.database.query({
      text: `DELETE FROM hub_owed_offers
             WHERE tenant_id = $1 AND device_id = $2 AND extension = $3 AND attempts = $4`,
      values: [tenantId, deviceId, extension, attempts],
    });
  }

  /** Some that are due now; the others of this process and of others do not get them for as long as the next pause is. */
  async claim(): Promise<Debt[]> {
    const { rows } = await this.database.query<{
      tenant_id: string;
      device_id: string;
      extension: string;
      attempts: number;
    }>({
      text: `UPDATE hub_owed_offers o SET due_at = now() + $2 * interval '1 second'
             FROM (SELECT tenant_id, device_id, extension FROM hub_owed_offers WHERE due_at <= now()
                   ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED) due
             WHERE o.tenant_id = due.tenant_id AND o.device_id = due.device_id AND o.extension = due.extension
             RETURNING o.tenant_id, o.device_id, o.extension, o.attempts`,
      values: [AT_ONCE, MAX_PAUSE_SECONDS],
    });
    return rows.map(({ tenant_id: tenantId, device_id: deviceId, ...debt }) => ({
      tenantId,
      deviceId,
      ...debt,
    }));
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
        void downlink
          .becameReachable({ tenantId, deviceId, reachableAt }, (one) => one === extension)
          .then(() => owed.offered(debt))
          .catch((error: unknown) => logger.warn({ err: error }, 'a device is offered the same once more'));
      }
      return debts.length === AT_ONCE;
    },
    logger,
  });
