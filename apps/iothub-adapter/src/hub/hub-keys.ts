import { AppError } from '@muster/contracts';
import type { Queryable } from '@muster/event-store';
import type { PolicyAccess } from './connection-string.js';
import type { StoredHub } from './hubs.projection.js';
import type { Sealer } from './sealed.js';

/** The keys of hubs, sealed in a table. `sealer` undefined: this installation has nothing to seal with. */
export class HubKeys {
  constructor(private readonly sealer: Sealer | undefined) {}

  /** Throws `iot-hubs-not-set-up`. */
  required(): Sealer {
    if (this.sealer !== undefined) return this.sealer;
    throw new AppError(
      'iot-hubs-not-set-up',
      'MUSTER_SEALING_KEY_FILE is not set, so the key of an IoT Hub cannot be kept.',
    );
  }

  async keep(tx: Queryable, tenantId: string, hubId: string, key: string): Promise<void> {
    const sealed = this.required().seal(key, placeOf(tenantId, hubId));
    await tx.query({
      text: `INSERT INTO hub_keys (tenant_id, hub_id, sealed) VALUES ($1, $2, $3)
             ON CONFLICT (tenant_id, hub_id) DO UPDATE SET sealed = excluded.sealed`,
      values: [tenantId, hubId, sealed],
    });
  }

  async forget(tx: Queryable, tenantId: string, hubId: string): Promise<void> {
    await tx.query({
      text: 'DELETE FROM hub_keys WHERE tenant_id = $1 AND hub_id = $2',
      values: [tenantId, hubId],
    });
  }

  /**
   * What is needed to be let in by the hub. What another sealing key than the first had sealed is sealed by the first from then
   * on, so that the other one can be taken away. Throws `iot-hubs-not-set-up`.
   */
  async accessTo(from: Queryable, hub: StoredHub): Promise<PolicyAccess> {
    const { tenantId, id, hostName, policy } = hub;
    const { rows } = await from.query<{ sealed: Buffer }>({
      text: 'SELECT sealed FROM hub_keys WHERE tenant_id = $1 AND hub_id = $2',
      values: [tenantId, id],
    });
    const [row] = rows;
    if (row === undefined)
      throw new AppError('iot-hubs-not-set-up', 'The key of the IoT Hub is not kept any more.');
    const [sealer, place] = [this.required(), placeOf(tenantId, id)];
    const key = sealer.open(row.sealed, place);
    if (!sealer.isSealedByFirst(row.sealed, place)) {
      await from.query({
        text: 'UPDATE hub_keys SET sealed = $4 WHERE tenant_id = $1 AND hub_id = $2 AND sealed = $3',
        values: [tenantId, id, row.sealed, sealer.seal(key, place)],
      });
    }
    return { hostName, policy, key };
  }
}

const placeOf = (tenantId: string, hubId: string): string => `hub-key ${tenantId} ${hubId}`;
