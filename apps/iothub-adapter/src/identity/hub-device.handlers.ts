import { Controller, Inject } from '@nestjs/common';
import { AppError } from '@muster/contracts';
import type { DeviceRef } from '@muster/contracts/device-registry/devices.requests';
import {
  getHubDevice,
  readHubConnectionString,
  type HubConnectionString,
  type HubDevice,
  type ReadHubConnectionString,
} from '@muster/contracts/iothub-adapter/devices.requests';
import { recordAct, type Database } from '@muster/event-store';
import { Handles } from '@muster/messaging';
import { DATABASE } from '@muster/service-host';
import { readIdentityKey } from '../azure/hub-identities.js';
import { HubFailure } from '../azure/hub-rest.js';
import { OpenHubs } from '../hub/open-hubs.js';

interface DeviceRow {
  hub_id: string;
  hub: string;
  host_name: string;
  hub_device_id: string;
  is_made: boolean;
  fault: string | null;
  fault_at: Date | null;
  connected: boolean | null;
  foreign_at: Date | null;
  foreign_keys: string[] | null;
  undone: boolean | null;
}

@Controller()
export class HubDeviceHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(OpenHubs) private readonly hubs: OpenHubs,
  ) {}

  @Handles(getHubDevice)
  async get({ tenantId, deviceId }: DeviceRef): Promise<HubDevice> {
    const { rows } = await this.database.query<DeviceRow>({
      text: `SELECT i.hub_id, h.name AS hub, h.host_name, i.hub_device_id, i.due_at IS NULL AND i.made IS NOT NULL AS is_made,
               i.fault, i.fault_at, l.connected,
               t.foreign_at, t.foreign_keys, t.undone
             FROM hub_identities i JOIN hubs h ON h.tenant_id = i.tenant_id AND h.id = i.hub_id
             LEFT JOIN hub_links l ON l.hub_id = i.hub_id AND l.hub_device_id = i.hub_device_id
             LEFT JOIN hub_twins t ON t.hub_id = i.hub_id AND t.hub_device_id = i.hub_device_id
             WHERE i.tenant_id = $1 AND i.device_id = $2 AND i.wanted IS NOT NULL ORDER BY i.hub_device_id LIMIT 1`,
      values: [tenantId, deviceId],
    });
    const [row] = rows;
    if (row === undefined) {
      throw new AppError(
        'iot-hub-device-not-found',
        'There is no such device in an IoT Hub, nor is there to be one.',
      );
    }
    return {
      hubId: row.hub_id,
      hub: row.hub,
      hostName: row.host_name,
      hubDeviceId: row.hub_device_id,
      identity: row.is_made ? 'made' : row.fault === null ? 'due' : 'failing',
      ...(row.fault === null ? {} : { fault: row.fault }),
      ...(row.fault_at === null ? {} : { faultAt: row.fault_at.toISOString() }),
      connected: row.connected,
      ...(row.foreign_at === null
        ? {}
        : {
            foreignChange: {
              at: row.foreign_at.toISOString(),
              keys: row.foreign_keys ?? [],
              undone: row.undone === true,
            },
          }),
    };
  }

  @Handles(readHubConnectionString)
  async readConnectionString(asked: ReadHubConnectionString): Promise<HubConnectionString> {
    const { tenantId, deviceId, actor } = asked;
    const { hubId, hostName, hubDeviceId } = await this.get({ tenantId, deviceId });
    const open = await this.hubs.one(hubId);
    if (open === undefined)
      throw new AppError('iot-hubs-not-set-up', 'The key of the IoT Hub cannot be opened.');
    let key: string | undefined;
    try {
      key = await readIdentityKey(open.rest, hubDeviceId);
    } catch (error) {
      if (!(error instanceof HubFailure)) throw error;
      if (error.status === 404)
        throw new AppError('iot-hub-device-not-found', 'The identity is not made yet.');
      throw new AppError('iot-hub-unusable', `${error.message}.`, { cause: error });
    }
    await this.database.transaction((tx) =>
      recordAct(tx, { tenantId, aggregate: 'device', id: deviceId, type: 'HubConnectionStringRead', actor }),
    );
    const proof = key === undefined ? 'x509=true' : `SharedAccessKey=${key}`;
    return { connectionString: `HostName=${hostName};DeviceId=${hubDeviceId};${proof}` };
  }
}
