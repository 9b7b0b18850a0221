import type {
  ConnectionsReported,
  DoorReport,
  ReportConnections,
} from '@muster/contracts/device-registry/connectivity.requests';
import type { ItemOutcome } from '@muster/contracts';
import type { EventStore } from '@muster/event-store';
import type pg from 'pg';
import { Connections, type DeviceKey, type Report } from './connections.js';
import { existingOf, keyOf } from './device-connectivity.js';
import { renewLease } from './door-leases.js';
import { loadKnown, lockPresence, saveConnections } from './door-tables.js';
import { saveTurns } from './save-turns.js';

const GONE: ItemOutcome = { code: 'device-not-found', detail: 'There is no such device.' };

/** Makes the reports true within the transaction, announces what they change, and renews the lease of their door. */
export const recordReports = async (
  tx: pg.PoolClient,
  store: Pick<EventStore, 'announce'>,
  { reports, ...lease }: ReportConnections,
): Promise<ConnectionsReported> => {
  await lockPresence(tx);
  if (!(await renewLease(tx, lease))) return { lapsed: true, outcomes: [] };
  if (reports.length === 0) return { lapsed: false, outcomes: [] };
  const named = reports.flatMap((report) => deviceOf(report) ?? []);
  const there = await existingOf(tx, named);
  const isGone = (report: DoorReport): boolean => {
    const device = deviceOf(report);
    return device !== undefined && !there.has(keyOf(device.tenantId, device.deviceId));
  };
  const told = reports.flatMap((report) => (isGone(report) ? [] : (reportOf(report) ?? [])));
  const connections = new Connections(await loadKnown(tx, told));
  for (const report of told) connections.apply(report, lease.door);
  await saveConnections(tx, connections);
  // Whoever opens a connection or uses one is there.
  await saveTurns(tx, store, connections, named);
  return { lapsed: false, outcomes: reports.map((report) => (isGone(report) ? GONE : {})) };
};

/** Whom the report says to be there. */
const deviceOf = ({
  tenantId,
  deviceId,
  at,
}: DoorReport): (DeviceKey & { readonly at: string }) | undefined =>
  tenantId !== undefined && deviceId !== undefined ? { tenantId, deviceId, at: isoOf(at) } : undefined;

/** Its fields are there, by the contract. */
const reportOf = (report: DoorReport): Report | undefined => {
  const { kind, connection, clientId, transport, protocol, address, reason } = report;
  const at = isoOf(report.at);
  const device = deviceOf(report);
  switch (kind) {
    case 'opened': {
      if (device === undefined || clientId === undefined) return undefined;
      if (transport === undefined || protocol === undefined) return undefined;
      return { ...device, kind, connection, at, clientId, transport, protocol, address: address ?? null };
    }
    case 'used':
      return device && { ...device, kind, connection, at };
    case 'closed':
      return reason && { kind, connection, at, reason };
  }
};

/** In one form, so that texts can be compared. */
const isoOf = (time: string): string => new Date(time).toISOString();
