import type { RecordConnectivity } from '@muster/contracts/device-registry/connectivity.requests';
import type { BulkOutcome } from '@muster/contracts';
import type { EventStore } from '@muster/event-store';
import type pg from 'pg';
import type { Ended, Turn } from './connections.js';
import { existingOf, keyOf } from './device-connectivity.js';
import { lockPresence } from './door-tables.js';
import { saveTurns } from './save-turns.js';

/** Makes true within the transaction what a hub tells of devices, and announces what changes. */
export const recordToldConnectivity = async (
  tx: pg.PoolClient,
  store: Pick<EventStore, 'announce'>,
  { devices }: RecordConnectivity,
): Promise<BulkOutcome> => {
  await lockPresence(tx);
  const there = await existingOf(tx, devices);
  const known = devices
    .filter(({ tenantId, deviceId }) => there.has(keyOf(tenantId, deviceId)))
    .map((one) => ({ ...one, at: new Date(one.at).toISOString() }));
  const turns = known.map(({ tenantId, deviceId, connected, at, clientId }): Turn => {
    const of = { tenantId, deviceId, at };
    return connected ? { ...of, connected, since: at, clientId } : { ...of, connected, reason: 'lost' };
  });
  const ended = known.flatMap(({ tenantId, deviceId, connected, at, clientId }): Ended[] =>
    connected ? [] : [{ tenantId, deviceId, at, clientId, reason: 'lost' }],
  );
  const seen = known.filter(({ connected }) => connected);
  await saveTurns(tx, store, { turns, ended }, seen);
  return {
    outcomes: devices.map(({ tenantId, deviceId }) =>
      there.has(keyOf(tenantId, deviceId))
        ? {}
        : { code: 'device-not-found', detail: 'There is no such device.' },
    ),
  };
};
