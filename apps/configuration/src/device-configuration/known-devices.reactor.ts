import { Controller, Inject } from '@nestjs/common';
import type { AppError } from '@muster/contracts';
import {
  deviceChanged,
  deviceDeleted,
  deviceProvisioned,
  type DeviceChanged,
  type DeviceDeleted,
  type DeviceProvisioned,
} from '@muster/contracts/device-registry/published';
import type { Database, EventStore } from '@muster/event-store';
import { changeIn, factsIn, KnownDevices, type DeviceId } from '@muster/known-devices';
import { Consumes, isEvent, type Delivered } from '@muster/messaging';
import type { Logger } from '@muster/observability';
import { DATABASE, EVENT_STORE, LOGGER } from '@muster/service-host';
import { DesiredChanges, type DefaultsWish } from '../desired/desired-changes.js';
import { deviceConfiguration } from './device-configuration.decider.js';

type DeviceEvent = Delivered<DeviceProvisioned | DeviceChanged | DeviceDeleted>;

/**
 * Follows the registry: new devices get their defaults, those of another app version get that version's. Every step may
 * be repeated: the first that fails makes all of them come again.
 */
@Controller()
export class KnownDevicesReactor {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(KnownDevices) private readonly devices: KnownDevices,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(DesiredChanges) private readonly changes: DesiredChanges,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @Consumes({
    durable: 'configuration-known-devices',
    events: [deviceProvisioned, deviceChanged, deviceDeleted],
    batch: { size: 500, waitMs: 0 },
  })
  async follow(events: readonly DeviceEvent[]): Promise<void> {
    const provisioned = events.filter((event) => isEvent(event, deviceProvisioned));
    const changed = events.filter((event) => isEvent(event, deviceChanged));
    const upgraded = changed.flatMap(appVersionChange);
    await this.devices.remember([
      ...provisioned.map(factsIn),
      ...changed.flatMap(changeIn).map((change) => ({ ...change, appVersion: undefined })),
    ]);
    await this.end(events.filter((event) => isEvent(event, deviceDeleted)));
    for (const [tenantId, own] of byTenant(provisioned)) {
      const wishes = own.map(({ data: { deviceId, deviceTypeId } }) => ({
        deviceId,
        source: { kind: 'default', id: deviceTypeId } as const,
      }));
      await this.changes.prepare(
        tenantId,
        wishes.map(({ deviceId }) => deviceId),
      );
      this.assertDone(
        tenantId,
        wishes,
        await this.database.transaction((tx) => this.changes.applyDefaults(tx, tenantId, wishes)),
      );
    }
    for (const [tenantId, own] of byTenant(upgraded)) {
      const wishes = own.map(({ deviceId, appVersion, at }) => ({
        deviceId,
        source: { kind: 'default', id: appVersion } as const,
        // What it refused with the old software it may well take with the new one.
        reofferRejectedBefore: at,
      }));
      this.assertDone(tenantId, wishes, await this.changes.changeVersions(tenantId, own, wishes));
    }
  }

  private async end(deleted: readonly Delivered<DeviceDeleted>[]): Promise<void> {
    await this.devices.markDeleted(
      deleted.map(({ tenantId, data: { deviceId } }) => ({ tenantId, deviceId })),
    );
    // Even where there is no stream yet: a change that is under way, and has passed the check above, finds the end.
    const outcomes = await this.store.executeMany(
      deviceConfiguration,
      deleted.map(({ tenantId, data }) => ({
        tenantId,
        id: data.deviceId,
        command: { type: 'EndConfiguration', at: new Date().toISOString() },
        metadata: { actor: data.actor, follows: deviceDeleted.type },
      })),
    );
    for (const { error } of outcomes) if (error !== undefined) throw error;
  }

  private assertDone(
    tenantId: string,
    wishes: readonly DefaultsWish[],
    outcomes: readonly { readonly error?: AppError }[],
  ): void {
    outcomes.forEach(({ error }, index) => {
      if (error === undefined || error.code === 'device-not-found') return;
      if (error.code !== 'configuration-too-large') throw error;
      // Another try would change nothing: the next change of the device or of the defaults may.
      this.logger.warn(
        { tenantId, deviceId: wishes[index]?.deviceId, reason: error.detail },
        'the defaults do not fit beside the own values of a device',
      );
    });
  }
}

const appVersionChange = ({
  tenantId,
  data: { deviceId, version, at, changes },
}: Delivered<DeviceChanged>): (DeviceId & { version: number; appVersion: string; at: string })[] => {
  const to = changes['appVersion']?.to;
  return typeof to === 'string' ? [{ tenantId, deviceId, version, appVersion: to, at }] : [];
};

const byTenant = <Item extends { readonly tenantId: string }>(
  items: readonly Item[],
): Map<string, Item[]> => {
  const tenants = new Map<string, Item[]>();
  for (const item of items) tenants.set(item.tenantId, [...(tenants.get(item.tenantId) ?? []), item]);
  return tenants;
};
