import { Controller, Inject } from '@nestjs/common';
import { AppError } from '@muster/contracts';
import {
  getConfiguration,
  type ConfigurationView,
  type GetConfiguration,
} from '@muster/contracts/configuration/requests';
import type { EventStore } from '@muster/event-store';
import { KnownDevices } from '@muster/known-devices';
import { Handles } from '@muster/messaging';
import { EVENT_STORE } from '@muster/service-host';
import { asksForPast, readPast } from '../history/past.js';
import { UNCONFIRMED_AFTER_MS } from '../providers.js';
import { viewOf } from './configuration-view.js';
import { deviceConfiguration } from './device-configuration.decider.js';
import { syncStateOf } from './sync-state.js';

/** The whole of a device's configuration, desired and reported, now or in the past. */
@Controller()
export class DeviceConfigurationHandlers {
  constructor(
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(KnownDevices) private readonly devices: KnownDevices,
    @Inject(UNCONFIRMED_AFTER_MS) private readonly unconfirmedAfterMs: number,
  ) {}

  @Handles(getConfiguration)
  async get(request: GetConfiguration): Promise<ConfigurationView> {
    if (asksForPast(request)) return this.past(request);
    await this.devices.assertKnown(request);
    const { state } = await this.store.load(deviceConfiguration, request.tenantId, request.deviceId);
    if (state.ended) throw new AppError('device-not-found', 'No such device.');
    return viewOf(request.deviceId, state, syncStateOf(state, new Date(), this.unconfirmedAfterMs));
  }

  private async past(request: GetConfiguration): Promise<ConfigurationView> {
    // The past of a deleted device stays readable, so only a device without any needs to exist.
    const { state, asOf } = await readPast(this.store, request, () => this.devices.assertKnown(request));
    if (state.ended) throw new AppError('device-not-found', 'The device had been deleted by then.');
    return viewOf(request.deviceId, state, syncStateOf(state, asOf, this.unconfirmedAfterMs));
  }
}
