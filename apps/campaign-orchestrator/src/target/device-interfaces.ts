import type { DeviceInterface } from '@muster/contracts/device-registry/devices.requests';
import { MAX_TARGET_PAGE, readTargetDevices } from '@muster/contracts/device-registry/targets.requests';
import type { Database } from '@muster/event-store';
import type { Bus } from '@muster/messaging';
import type { SupervisedDevices } from '../supervision/supervised-devices.js';
import type { DeviceWatch } from './device-watch.js';
import { FOLLOWED, readTargets, type TargetChanges } from './target-rows.js';

const TIMEOUT_MS = 10_000;

/**
 * Devices that go over to another interface. A campaign waits until the interface of each device knows what was written: it must
 * not wait for the one that the device had when the campaign was launched, which is never told again.
 */
export class DeviceInterfaces {
  constructor(
    private readonly parts: {
      readonly bus: Pick<Bus, 'request'>;
      readonly database: Database;
      readonly changes: TargetChanges;
      readonly supervised: SupervisedDevices;
      readonly watch: Pick<DeviceWatch, 'look'>;
    },
  ) {}

  /** By which they come now is asked, so that late, repeated and reordered events do no harm. */
  async follow(tenantId: string, deviceIds: readonly string[]): Promise<void> {
    const { bus, database, changes, supervised, watch } = this.parts;
    for (let from = 0; from < deviceIds.length; from += MAX_TARGET_PAGE) {
      const some = deviceIds.slice(from, from + MAX_TARGET_PAGE);
      const { devices } = await bus.request(
        readTargetDevices,
        { tenantId, target: { deviceIds: some } },
        { timeoutMs: TIMEOUT_MS },
      );
      const now = new Map(devices.map((device): [string, DeviceInterface] => [device.id, device.interface]));
      await database.transaction(async (tx) => {
        // Locked, in the order in which everybody locks them: nobody tells of it a second time, so none may be missed because
        // something else of it changed in the same moment.
        const rows = await readTargets(
          tx,
          tenantId,
          `device_id = ANY($2) AND ${FOLLOWED} ORDER BY launch_id, device_id FOR UPDATE`,
          [some],
        );
        await changes.apply(
          tx,
          tenantId,
          rows.flatMap((row) => {
            const to = now.get(row.deviceId);
            if (to === undefined || to === row.interface) return [];
            return [
              {
                ...{ row, next: row, interface: to },
                ...(row.operation === null ? {} : { operation: row.operation }),
              },
            ];
          }),
        );
        await supervised.changeInterfaces(tx, tenantId, now);
      });
      await watch.look(tenantId, some);
    }
  }
}
