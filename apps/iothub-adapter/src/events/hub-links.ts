import { recordConnectivity } from '@muster/contracts/device-registry/connectivity.requests';
import type { Database } from '@muster/event-store';
import type { Bus } from '@muster/messaging';

/** Which devices are connected to hubs, by what the hubs tell. */
export class HubLinks {
  constructor(
    private readonly database: Database,
    private readonly bus: Pick<Bus, 'request'>,
  ) {}

  /**
   * A connection began or ended. What comes late or again, by the hub's own count, is passed over. Told to device-registry
   * before it is noted: who is killed in between reads the event again. True: it is news.
   */
  async note(told: {
    readonly hubId: string;
    readonly hubDeviceId: string;
    readonly tenantId: string;
    readonly deviceId: string;
    readonly connected: boolean;
    readonly sequence: string;
    readonly at: string;
  }): Promise<boolean> {
    const { hubId, hubDeviceId, tenantId, deviceId, connected, sequence, at } = told;
    const { rowCount: later } = await this.database.query({
      text: 'SELECT FROM hub_links WHERE hub_id = $1 AND hub_device_id = $2 AND sequence >= $3',
      values: [hubId, hubDeviceId, sequence],
    });
    if (later !== 0) return false;
    await this.bus.request(recordConnectivity, {
      devices: [{ tenantId, deviceId, connected, at, clientId: hubDeviceId }],
    });
    const { rowCount } = await this.database.query({
      text: `INSERT INTO hub_links AS l (hub_id, hub_device_id, connected, sequence, at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (hub_id, hub_device_id) DO UPDATE
               SET connected = excluded.connected, sequence = excluded.sequence, at = excluded.at
               WHERE l.sequence < excluded.sequence`,
      values: [hubId, hubDeviceId, connected, sequence, at],
    });
    return rowCount === 1;
  }

  /** Undefined: the hub has told nothing of it. */
  async isConnected(hubId: string, hubDeviceId: string): Promise<boolean | undefined> {
    const { rows } = await this.database.query<{ connected: boolean }>({
      text: 'SELECT connected FROM hub_links WHERE hub_id = $1 AND hub_device_id = $2',
      values: [hubId, hubDeviceId],
    });
    return rows[0]?.connected;
  }
}
