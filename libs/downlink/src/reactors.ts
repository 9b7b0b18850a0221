import { Controller, type Type } from '@nestjs/common';
import { AppError } from '@muster/contracts';
import { commandCreated, type CommandCreated } from '@muster/contracts/commands/published';
import {
  configurationReoffered,
  desiredConfigurationChanged,
  type ConfigurationReoffered,
  type DesiredConfigurationChanged,
} from '@muster/contracts/configuration/published';
import {
  firmwareChanged,
  firmwareRegistered,
  softwareApplied,
  type FirmwareChanged,
  type FirmwareRegistered,
  type SoftwareApplied,
} from '@muster/contracts/firmware/published';
import { Consumes, type Delivered } from '@muster/messaging';
import type { Downlink } from './downlink.js';

const BATCH = { size: 500, waitMs: 0 };

/**
 * What has changed → devices. An event only says which device: what is sent is what is due when it is sent, so late,
 * repeated and reordered events do no harm. `app` begins the names of the consumers: every adapter has its own, which its
 * replicas share. Each waits for `ready`, because an empty directory would say that none of the devices comes through here.
 */
export const reactorsOf = (app: string, downlink: Downlink): Type[] => {
  @Controller()
  class DownlinkReactor {
    /** Changed configuration, or one to be offered again. */
    @Consumes({
      durable: `${app}-push-configuration`,
      events: [desiredConfigurationChanged, configurationReoffered],
      batch: BATCH,
    })
    async configurationChanged(
      events: readonly Delivered<DesiredConfigurationChanged | ConfigurationReoffered>[],
    ): Promise<void> {
      await downlink.ready;
      await downlink.configuration.push(events.map(deviceOf), 'changed');
    }

    @Consumes({ durable: `${app}-push-commands`, events: [commandCreated], batch: BATCH })
    async commandCreated(events: readonly Delivered<CommandCreated>[]): Promise<void> {
      await downlink.ready;
      const now = Date.now();
      await downlink.commands.push(
        events
          .filter(({ data }) => Date.parse(data.expiresAt) > now)
          .map((event) => ({
            ...deviceOf(event),
            created: new Set([`${event.data.commandType}:${event.data.number}`]),
          })),
        'changed',
      );
    }

    /** After a device has applied a version another one may be open to it. */
    @Consumes({ durable: `${app}-push-software`, events: [softwareApplied], batch: BATCH })
    async softwareApplied(events: readonly Delivered<SoftwareApplied>[]): Promise<void> {
      await downlink.ready;
      await downlink.software.push(events.map(deviceOf), 'changed');
    }

    /** A whole fleet may be due: 500 devices at a time, so that an event takes minutes where there are 100,000. */
    @Consumes({
      durable: `${app}-push-firmware`,
      events: [firmwareRegistered, firmwareChanged],
      batch: { size: 50, waitMs: 0 },
      ackWaitMs: 60_000,
    })
    async firmwareReleased(
      events: readonly Delivered<FirmwareRegistered | FirmwareChanged>[],
    ): Promise<void> {
      await downlink.ready;
      const types = new Map(
        events
          .filter(({ data }) => mayBeDue(data))
          .map(({ tenantId, data }) => [`${tenantId} ${data.deviceTypeId}`, { tenantId, ...data }]),
      );
      let leftOut = 0;
      for (const { tenantId, deviceTypeId } of types.values()) {
        leftOut += await downlink.offerSoftware(downlink.devicesOfType(tenantId, deviceTypeId));
      }
      // The others have theirs by now; who sees what is parked shall see this.
      if (leftOut > 0)
        throw new AppError('internal', `${leftOut} devices could not be offered their software.`);
    }
  }
  return [DownlinkReactor];
};

const deviceOf = ({ tenantId, data }: Delivered<{ deviceId: string }>) => ({
  tenantId,
  deviceId: data.deviceId,
});

const mayBeDue = ({ rollout, upgradableFrom }: FirmwareRegistered | FirmwareChanged): boolean =>
  rollout === undefined ? upgradableFrom !== undefined : rollout.strategy !== 'suspended';
