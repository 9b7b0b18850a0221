import { Controller, Inject } from '@nestjs/common';
import { AppError, type BulkOutcome, type ItemOutcome } from '@muster/contracts';
import {
  getConnectivity,
  recordConnectivity,
  recordLastSeen,
  reportConnections,
  type ConnectionsReported,
  type DeviceConnectivity,
  type RecordConnectivity,
  type RecordLastSeen,
  type ReportConnections,
} from '@muster/contracts/device-registry/connectivity.requests';
import type { DeviceRef } from '@muster/contracts/device-registry/devices.requests';
import type { Database, EventStore } from '@muster/event-store';
import { Handles } from '@muster/messaging';
import { DATABASE, EVENT_STORE } from '@muster/service-host';
import { findConnectivity, keyOf, saveLastSeen, saveShown } from './device-connectivity.js';
import { recordToldConnectivity } from './record-connectivity.js';
import { recordReports } from './record-reports.js';

const GONE: ItemOutcome = { code: 'device-not-found', detail: 'There is no such device.' };

@Controller()
export class ConnectivityHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
  ) {}

  @Handles(getConnectivity)
  async get(device: DeviceRef): Promise<DeviceConnectivity> {
    const found = await findConnectivity(this.database, device);
    if (found === undefined) throw new AppError('device-not-found', 'There is no such device.');
    return found;
  }

  @Handles(reportConnections)
  report(told: ReportConnections): Promise<ConnectionsReported> {
    return this.database.transaction((tx) => recordReports(tx, this.store, told));
  }

  @Handles(recordConnectivity)
  tell(told: RecordConnectivity): Promise<BulkOutcome> {
    return this.database.transaction((tx) => recordToldConnectivity(tx, this.store, told));
  }

  @Handles(recordLastSeen)
  async see({ devices }: RecordLastSeen): Promise<BulkOutcome> {
    const there = await saveLastSeen(this.database, devices);
    const known = devices.filter(({ tenantId, deviceId }) => there.has(keyOf(tenantId, deviceId)));
    await saveShown(this.database, known);
    return {
      outcomes: devices.map(({ tenantId, deviceId }) => (there.has(keyOf(tenantId, deviceId)) ? {} : GONE)),
    };
  }
}
