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
import { forgetClosed } from './connection-tables.js';
import { findConnectivity, keyOf, saveLastSeen } from './device-connectivity.js';
import { deviceOf, recordReports as recordBrokerReports } from './record-connectivity.js';
import { recordReports } from './record-reports.js';

const FORGET_EVERY_MS = 60_000;
const GONE: ItemOutcome = { code: 'device-not-found', detail: 'There is no such device.' };

@Controller()
export class ConnectivityHandlers {
  private forgotten = 0;

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
  record({ reports }: RecordConnectivity): Promise<BulkOutcome> {
    return this.database.transaction(async (tx) => {
      const gone = await recordBrokerReports(tx, this.store, reports);
      // Here, because what is to be forgotten grows by reports and by nothing else.
      if (Date.now() - this.forgotten > FORGET_EVERY_MS) {
        this.forgotten = Date.now();
        if (await forgetClosed(tx)) this.forgotten = 0;
      }
      return {
        outcomes: reports.map((report) => {
          const device = deviceOf(report);
          return device !== undefined && gone.has(keyOf(device.tenantId, device.deviceId)) ? GONE : {};
        }),
      };
    });
  }

  @Handles(recordLastSeen)
  async see({ devices }: RecordLastSeen): Promise<BulkOutcome> {
    const there = await saveLastSeen(this.database, devices);
    return {
      outcomes: devices.map(({ tenantId, deviceId }) => (there.has(keyOf(tenantId, deviceId)) ? {} : GONE)),
    };
  }
}
