import { Controller, Inject } from '@nestjs/common';
import { AppError, type Done } from '@muster/contracts';
import {
  eraseConfigurationHistory,
  listConfigurationHistory,
  type EraseHistory,
  type HistoryPage,
  type ListHistory,
} from '@muster/contracts/configuration/requests';
import { recordAct, type EventStore } from '@muster/event-store';
import { KnownDevices } from '@muster/known-devices';
import { Handles } from '@muster/messaging';
import { EVENT_STORE } from '@muster/service-host';
import { deviceConfiguration } from '../device-configuration/device-configuration.decider.js';
import { readHistory } from './history.js';

/** The stream as a list, and its end on purpose. */
@Controller()
export class HistoryHandlers {
  constructor(
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(KnownDevices) private readonly devices: KnownDevices,
  ) {}

  @Handles(listConfigurationHistory)
  async list(request: ListHistory): Promise<HistoryPage> {
    const page = await readHistory(this.store, request);
    // The history of a deleted device stays readable, so only a device without any needs to exist.
    if (page.items.length > 0 || page.nextCursor !== null) return page;
    const { version } = await this.store.load(deviceConfiguration, request.tenantId, request.deviceId);
    if (version === 0) await this.devices.assertKnown(request);
    return page;
  }

  @Handles(eraseConfigurationHistory)
  async erase({ tenantId, deviceId, actor }: EraseHistory): Promise<Done> {
    const [fault] = await this.devices.faultsOf([{ tenantId, deviceId }]);
    if (fault === undefined) {
      throw new AppError(
        'device-exists',
        'Only the history of a deleted device is erased. That it was deleted is known here a moment later.',
      );
    }
    if (fault.code !== 'device-not-found') throw fault;
    const { state, version } = await this.store.load(deviceConfiguration, tenantId, deviceId);
    // Of a device deleted a moment ago the stream has yet to end. Erased before, it would begin again with its end.
    if (version > 0 && !state.ended) {
      throw new AppError('unavailable', 'The device is just being deleted; try again in a moment.', {
        retryAfterSeconds: 1,
      });
    }
    const aggregate = deviceConfiguration.name;
    const type = 'ConfigurationHistoryErased';
    await this.store.erase(deviceConfiguration, tenantId, deviceId, {
      also: (tx) => recordAct(tx, { tenantId, aggregate, id: deviceId, type, actor }),
    });
    return {};
  }
}
