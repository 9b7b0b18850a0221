import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '@muster/contracts';
import {
  getConnectivity,
  recordConnectivity,
  recordLastSeen,
  type ConnectionReport,
} from '@muster/contracts/device-registry/connectivity.requests';
import { deleteDevice, getDevice, listDevices } from '@muster/contracts/device-registry/devices.requests';
import { deviceConnected, deviceDisconnected } from '@muster/contracts/device-registry/published';
import { followEvents, type Follower } from '@muster/messaging';
import { createLogger } from '@muster/observability';
import { eventually } from '@muster/testing';
import {
  base,
  code,
  startRegistry,
  tenantId,
  unique,
  type RunningRegistry,
} from '../running-registry.fixture.js';
import { forgetClosed } from './connection-tables.js';

let registry: RunningRegistry;
let follower: Follower;
let deviceType: string;
const published: string[] = [];

beforeAll(async () => {
  registry = await startRegistry();
  deviceType = (await registry.createType()).name;
  follower = followEvents(registry.bus, {
    events: [deviceConnected, deviceDisconnected],
    logger: createLogger({ service: 'spec', level: 'silent' }),
    onStart: () => undefined,
    onEvent: ({ entityId, contract, data }) => {
      const { version, at } = data as { version: number; at: string };
      published.push(`${entityId} ${contract.verb} ${version} ${at}`);
    },
  });
}, 60_000);

afterAll(async () => {
  await follower.stop();
  await registry.stop();
});

const START = Date.now() - 60_000;
const at = (second: number): string => new Date(START + second * 1_000).toISOString();
const newDevice = async (): Promise<string> => (await registry.provision({ deviceType })).id;
const broker = unique('broker');
const opened = (connection: string, clientId: string, second: number, incarnation = 1) =>
  ({ kind: 'opened', connection, clientId, broker, incarnation, at: at(second) }) as const;
const used = (clientId: string, deviceId: string, second: number) =>
  ({ kind: 'used', clientId, tenantId, deviceId, at: at(second) }) as const;
const closed = (connection: string, second: number) =>
  ({ kind: 'closed', connection, at: at(second) }) as const;
/** With the patience of the adapter. */
const report = (...reports: ConnectionReport[]) =>
  registry.bus.request(recordConnectivity, { reports }, { timeoutMs: 15_000 });
const stateOf = (deviceId: string) => registry.bus.request(getConnectivity, { tenantId, deviceId });
const toldOf = (deviceId: string): string[] => published.filter((line) => line.startsWith(deviceId));

describe('connectivity', () => {
  it('is reported, shown everywhere, and told to others', async () => {
    const id = await newDevice();
    const [client, k1] = [newId(), newId()];
    const none = { connected: false, since: null, lastSeenAt: null, connections: [], lastEnded: null };
    expect(await stateOf(id)).toEqual({ interface: 'mqtt', ...none });
    await report(opened(k1, client, 1), used(client, id, 2));
    const connected = { connected: true, since: at(2), lastSeenAt: at(2) };
    expect(await stateOf(id)).toMatchObject({ interface: 'mqtt', ...connected });
    expect((await registry.bus.request(getDevice, { tenantId, deviceId: id })).connectivity).toEqual(
      connected,
    );
    const { items } = await registry.bus.request(listDevices, { tenantId, limit: 500 });
    expect(items.find((one) => one.id === id)?.connectivity).toEqual(connected);
    await report(closed(k1, 3));
    expect(await stateOf(id)).toMatchObject({ connected: false, since: at(3), lastSeenAt: at(2) });
    await eventually(() => toldOf(id).length === 2, { what: 'both events' });
    expect(toldOf(id)).toEqual([`${id} connected 1 ${at(2)}`, `${id} disconnected 2 ${at(3)}`]);
  });

  it('changes nothing when all is reported again, however often and by however many at once', async () => {
    const id = await newDevice();
    const [client, k1] = [newId(), newId()];
    const all = [opened(k1, client, 1), used(client, id, 2), closed(k1, 3)];
    await Promise.all(Array.from({ length: 8 }, () => report(...all)));
    expect(await stateOf(id)).toMatchObject({ connected: false, since: at(3) });
    await report(opened(k1, client, 1));
    expect(await stateOf(id)).toMatchObject({ connected: false, since: at(3) });
    await eventually(() => toldOf(id).length >= 2, { what: 'the events' });
    expect(toldOf(id)).toHaveLength(2);
  });

  it('is decided on all connections of a device, also when two replicas report at the same time', async () => {
    const id = await newDevice();
    for (let round = 0; round < 10; round += 1) {
      const [a, b, k1, k2] = [newId(), newId(), newId(), newId()];
      await report(opened(k1, a, round), used(a, id, round));
      // One ends while the other begins: whoever comes first, the device is connected in the end.
      await Promise.all([report(closed(k1, round)), report(opened(k2, b, round), used(b, id, round))]);
      expect(await stateOf(id)).toMatchObject({ connected: true });
      await Promise.all([report(closed(k2, round)), report(closed(k1, round))]);
      expect(await stateOf(id)).toMatchObject({ connected: false });
    }
  });

  it('ends with the life of the broker, and what the dead one still told comes too late', async () => {
    const [lost, back, elsewhere] = [await newDevice(), await newDevice(), await newDevice()];
    const [c1, c2, c3, k1, k2, k3, k4] = Array.from({ length: 7 }, newId) as [
      string,
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    const other = { ...opened(k3, c3, 10), broker: unique('other') };
    await report(opened(k1, c1, 10), used(c1, lost, 10), opened(k2, c2, 10), used(c2, back, 10));
    await report(other, used(c3, elsewhere, 10));
    // The adapter's own connection to the broker that is back; then the device connects anew.
    await report(
      { kind: 'broker-seen', broker, incarnation: 2, at: at(20) },
      opened(k4, c2, 21, 2),
      used(c2, back, 22),
    );
    expect(await stateOf(lost)).toMatchObject({ connected: false, since: at(20) });
    expect(await stateOf(back)).toMatchObject({ connected: true });
    expect(await stateOf(elsewhere)).toMatchObject({ connected: true });
    await report(opened(newId(), c1, 15, 1), used(c1, lost, 15));
    expect(await stateOf(lost)).toMatchObject({ connected: false });
    await eventually(() => toldOf(lost).length === 2, { what: 'the loss is told' });
  });

  it('of a device that does not exist is refused, and does not hold up the others', async () => {
    const id = await newDevice();
    const [client, k1] = [newId(), newId()];
    const { outcomes } = await report(
      opened(k1, client, 30, 2),
      used(client, 'nobody', 31),
      used(client, id, 31),
    );
    expect(outcomes).toEqual([{}, { code: 'device-not-found', detail: 'There is no such device.' }, {}]);
    expect(await stateOf(id)).toMatchObject({ connected: true });
    expect(await code(stateOf('nobody'))).toBe('device-not-found');
  });

  it('goes with the device', async () => {
    const id = await newDevice();
    const [client, k1] = [newId(), newId()];
    await report(opened(k1, client, 30, 2), used(client, id, 31));
    await registry.bus.request(deleteDevice, { ...base, deviceId: id });
    await report(closed(k1, 32));
    const { rows } = await registry.database.query(
      `SELECT 1 FROM device_connectivity WHERE device_id = $1
       UNION ALL SELECT 1 FROM device_connections WHERE device_id = $1
       UNION ALL SELECT 1 FROM client_devices WHERE device_id = $1`,
      [id],
    );
    expect(rows).toEqual([]);
  });

  it('leaves nothing behind of connections that ended long ago, however many they were', async () => {
    await registry.database.query(
      `INSERT INTO connections (connection, client_id, broker, incarnation, closed_at)
       SELECT 'old-' || n, 'old', 'old', 1, now() - interval '2 hours' FROM generate_series(1, 10500) n`,
    );
    const forget = () => registry.database.transaction(forgetClosed);
    expect(await forget()).toBe(true);
    expect(await forget()).toBe(false);
    const left = await registry.database.query(`SELECT FROM connections WHERE client_id = 'old'`);
    expect(left.rowCount).toBe(0);
  });

  it('of an HTTP device is not known: only when it was last seen', async () => {
    const { id } = await registry.provision({ deviceType, interface: 'http' });
    await registry.bus.request(recordLastSeen, { devices: [{ tenantId, deviceId: id, at: at(5) }] });
    expect(await stateOf(id)).toEqual({
      interface: 'http',
      connected: null,
      since: null,
      lastSeenAt: at(5),
      connections: [],
      lastEnded: null,
    });
  });
});

describe('recordLastSeen', () => {
  const see = (...devices: [string, number][]) =>
    registry.bus.request(recordLastSeen, {
      devices: devices.map(([deviceId, second]) => ({ tenantId, deviceId, at: at(second) })),
    });

  it('keeps the newest time, whatever the order, and none of the future', async () => {
    const id = await newDevice();
    await see([id, 5], [id, 7], [id, 6]);
    expect((await stateOf(id)).lastSeenAt).toBe(at(7));
    await see([id, 3]);
    expect((await stateOf(id)).lastSeenAt).toBe(at(7));
    await see([id, 100_000]);
    expect(Date.parse((await stateOf(id)).lastSeenAt ?? '')).toBeLessThanOrEqual(Date.now());
    expect((await see(['nobody', 1], [id, 1])).outcomes.map((outcome) => outcome.code)).toEqual([
      'device-not-found',
      undefined,
    ]);
  });

  it('and reports of connections do not deadlock', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, newDevice));
    const down = [...ids].reverse();
    const work = Array.from({ length: 10 }, (_, round) => {
      const uses = (round % 2 === 0 ? ids : down).flatMap((id) => {
        const [client, k1] = [newId(), newId()];
        return [opened(k1, client, 40, 2), used(client, id, 40), closed(k1, 41)];
      });
      return [report(...uses), see(...down.map((id): [string, number] => [id, 50 + round]))];
    });
    await expect(Promise.all(work.flat())).resolves.toHaveLength(20);
  });

  it('is updated in place: no index grows with it', async () => {
    const id = await newDevice();
    for (let second = 1; second < 30; second += 1) await see([id, second]);
    const { rows } = await eventually(
      async () => {
        const found = await registry.database.query<{ updates: string; hot: string }>(
          `SELECT n_tup_upd AS updates, n_tup_hot_upd AS hot FROM pg_stat_user_tables WHERE relname = 'device_connectivity'`,
        );
        return Number(found.rows[0]?.updates) >= 28 && found;
      },
      { what: 'the statistics', deadlineMs: 15_000 },
    );
    // 0 with an index on a column that changes; not 1, because a page may be full until somebody prunes it.
    expect(Number(rows[0]?.hot) / Number(rows[0]?.updates)).toBeGreaterThan(0.5);
  });
});
