import type { DeviceState } from '@muster/contracts/configuration/campaign.requests';
import type { Database } from '@muster/event-store';
import type { Followed, Follower } from '../target/device-watch.js';
import type { SupervisedDevices } from './supervised-devices.js';

/** Judges supervised devices. */
export class SupervisionFollower implements Follower {
  constructor(
    private readonly database: Database,
    private readonly devices: SupervisedDevices,
  ) {}

  async find(tenantId: string, deviceIds: readonly string[]): Promise<Followed | undefined> {
    const { deviceIds: watched, keys } = await this.devices.watched(tenantId, deviceIds);
    if (watched.length === 0) return undefined;
    return {
      deviceIds: watched,
      keys,
      judge: (states) => this.judge(tenantId, { deviceIds: watched, keys }, states),
    };
  }

  private async judge(
    tenantId: string,
    { deviceIds, keys }: { readonly deviceIds: readonly string[]; readonly keys: readonly string[] },
    states: ReadonlyMap<string, DeviceState>,
  ): Promise<readonly string[]> {
    const own = deviceIds.flatMap((deviceId) => states.get(deviceId) ?? []);
    return this.database.transaction((tx) => this.devices.take(tx, tenantId, { states: own, keys }));
  }
}
