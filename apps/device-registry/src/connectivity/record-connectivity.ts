import type { ConnectionReport } from '@muster/contracts/device-registry/connectivity.requests';
import type { EventStore } from '@muster/event-store';
import type pg from 'pg';
import {
  closeEarlierLife,
  loadBrokers,
  loadKnown,
  lockPresence,
  saveBroker,
  saveConnections,
  type Broker,
} from './connection-tables.js';
import { existingOf, keyOf, saveDevices } from './device-connectivity.js';
import { Presence, type DeviceKey, type Report, type Transition } from './presence.js';

/** Announced about a device; the id is the device's. */
export const CONNECTIVITY = 'connectivity';

/** The broker was started anew: all that it held open before is gone, without a word. */
interface Restart {
  readonly kind: 'restarted';
  readonly broker: string;
  readonly incarnation: number;
  readonly at: string;
}

interface KnownBroker extends Broker {
  /** To be stored. */
  readonly isNew?: true;
}

/**
 * Makes the reports true, in their order, within the transaction, and announces what they change. Returns the devices that
 * the reports name and that do not exist (any more).
 */
export const recordReports = async (
  tx: pg.PoolClient,
  store: Pick<EventStore, 'announce'>,
  reports: readonly ConnectionReport[],
): Promise<ReadonlySet<string>> => {
  await lockPresence(tx);
  const named = reports.flatMap((report) => deviceOf(report) ?? []);
  const there = await existingOf(tx, named);
  const gone = new Set(named.map(keyOfDevice).filter((key) => !there.has(key)));
  const known: Map<string, KnownBroker> = await loadBrokers(tx);
  const transitions: Transition[] = [];
  for (const step of stepsOf(reports, known, gone)) {
    if (Array.isArray(step)) {
      const presence = new Presence(await loadKnown(tx, step));
      for (const report of step) presence.apply(report);
      await saveConnections(tx, presence);
      transitions.push(...presence.transitions);
    } else {
      transitions.push(...(await closeEarlierLife(tx, step)));
    }
  }
  for (const [name, broker] of known) if (broker.isNew === true) await saveBroker(tx, name, broker);
  // Whoever uses a token is there.
  const turned = await saveDevices(tx, transitions, named);
  await store.announce(
    tx,
    turned.map(({ tenantId, deviceId, connected, at, version }) => ({
      tenantId,
      about: CONNECTIVITY,
      id: deviceId,
      version,
      event: { type: connected ? 'DeviceConnected' : 'DeviceDisconnected', data: { at } },
      metadata: { actor: { kind: 'device', id: deviceId } },
    })),
  );
  return gone;
};

/**
 * The reports that can be true, with a break where a broker was started anew. `known` is brought up to date. A report of a
 * life of the broker that has ended says nothing any more: which life is the later one is told by the broker's clock.
 */
const stepsOf = (
  reports: readonly ConnectionReport[],
  known: Map<string, KnownBroker>,
  gone: ReadonlySet<string>,
): (Report[] | Restart)[] => {
  const steps: (Report[] | Restart)[] = [];
  const add = (report: Report): void => {
    const last = steps.at(-1);
    if (Array.isArray(last)) last.push(report);
    else steps.push([report]);
  };
  for (const report of reports) {
    const { kind, at, connection, clientId, broker, incarnation } = report;
    if (broker !== undefined && incarnation !== undefined) {
      const before = known.get(broker);
      if (before?.incarnation !== incarnation) {
        if (before !== undefined && Date.parse(at) <= Date.parse(before.since)) continue;
        known.set(broker, { incarnation, since: at, isNew: true });
        if (before !== undefined) steps.push({ kind: 'restarted', broker, incarnation, at });
      }
    }
    const device = deviceOf(report);
    if (kind === 'closed' && connection !== undefined) add({ kind, at, connection });
    if (kind === 'used' && clientId !== undefined && device !== undefined) {
      if (!gone.has(keyOfDevice(device))) add({ kind, clientId, ...device });
    }
    if (kind === 'opened' && connection !== undefined && clientId !== undefined) {
      if (broker !== undefined && incarnation !== undefined) {
        add({ kind, at, connection, clientId, broker, incarnation });
      }
    }
  }
  return steps;
};

/** Whom the report says to be there. */
export const deviceOf = ({
  kind,
  tenantId,
  deviceId,
  at,
}: ConnectionReport): (DeviceKey & { readonly at: string }) | undefined =>
  kind === 'used' && tenantId !== undefined && deviceId !== undefined
    ? { tenantId, deviceId, at }
    : undefined;

const keyOfDevice = ({ tenantId, deviceId }: DeviceKey): string => keyOf(tenantId, deviceId);
