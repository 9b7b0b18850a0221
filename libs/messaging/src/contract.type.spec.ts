/* oxlint-disable no-unused-expressions -- only types are looked at */
import { expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import {
  getDevice,
  type DeviceRef,
  type DeviceView,
} from '@muster/contracts/device-registry/devices.requests';
import {
  deviceChanged,
  deviceDeleted,
  type DeviceDeleted,
} from '@muster/contracts/device-registry/published';
import type { LatestValues } from '@muster/contracts/telemetry/requests';
import { Consumes, Handles, isEvent, type Bus, type Delivered } from './index.js';

/** Never run: that it compiles, and that each marked line does not, is the test. */
export const typesOf = async (bus: Bus, device: DeviceView): Promise<void> => {
  const reply = await bus.request(getDevice, { tenantId: 't', deviceId: 'd' });
  const name: string = reply.name;
  // @ts-expect-error a reply has no such field
  reply.surname;
  // @ts-expect-error a field is missing
  await bus.request(getDevice, { tenantId: 't' });
  // @ts-expect-error a field has another name
  await bus.request(getDevice, { tenantId: 't', device: 'd' });
  // @ts-expect-error a field has another type
  await bus.request(getDevice, { tenantId: 't', deviceId: 7 });
  // @ts-expect-error the code is not in the catalogue
  new AppError('device-lost', name);
  const incomplete = { tenantId: 't', entityId: 'd', id: 'i', time: '', data: { deviceId: 'd' } };
  // @ts-expect-error the event's data lacks fields
  await bus.publish(deviceDeleted, incomplete);

  class Handlers {
    @Handles(getDevice)
    async right(request: DeviceRef): Promise<DeviceView> {
      return { ...device, id: request.deviceId };
    }

    // @ts-expect-error the reply is that of another contract
    @Handles(getDevice)
    async wrongReply(_request: DeviceRef): Promise<LatestValues> {
      return { items: [], nextCursor: null };
    }

    // @ts-expect-error the request has no such field
    @Handles(getDevice)
    async wrongRequest(_request: { tenantId: string; serialNumber: string }): Promise<DeviceView> {
      return device;
    }

    @Consumes({ durable: 'right', events: [deviceDeleted, deviceChanged] })
    async consume(events: readonly Delivered[]): Promise<void> {
      for (const event of events) {
        if (isEvent(event, deviceChanged)) event.data.changes;
        // @ts-expect-error of an event whose contract is not known yet, nothing is
        event.data.changes;
      }
    }

    @Consumes({ durable: 'one', events: [deviceDeleted] })
    async consumeOne([event]: Delivered<DeviceDeleted>[]): Promise<void> {
      event?.data.deviceId;
    }

    // @ts-expect-error these are not the data of that event
    @Consumes({ durable: 'wrong', events: [deviceDeleted] })
    async consumeWrong(_events: Delivered<LatestValues>[]): Promise<void> {}

    // @ts-expect-error a result per event, or none
    @Consumes({ durable: 'results', events: [deviceDeleted] })
    async wrongResult(_events: Delivered[]): Promise<string[]> {
      return [];
    }
  }
  Handlers;
};

it('types both ends from the contract', () => {
  expect(typesOf).toBeInstanceOf(Function);
});
