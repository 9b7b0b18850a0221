import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '@muster/contracts';
import {
  getConnectivity,
  reportConnections,
  type DisconnectReason,
  type DoorReport,
  type ReportConnections,
} from '@muster/contracts/device-registry/connectivity.requests';
import { deleteDevice } from '@muster/contracts/device-registry/devices.requests';
import { deviceConnected, deviceDisconnected } from '@muster/contracts/device-registry/published';
import { followEvents, type Follower } from '@muster/messaging';
import { createLogger } from '@muster/observability';
import { eventually } from '@muster/testing';
import { base, startRegistry, tenantId, type RunningRegistry } from '../running-registry.fixture.js';
import { forgetConnections } from './door-tables.js';

let registry: RunningRegistry;
let follower: Follower;
let deviceType: string;
const published: { entityId: string; verb: string; data: object }[] = [];

beforeAll(async () => {
  registry = await startRegistry();
  deviceType = (await registry.createType()).name;
  follower = followEvents(registry.bus, {
    events: [deviceConnected, deviceDisconnected],
    logger: createLogger({ service: 'spec', level: 'silent' }),
    onStart: () => undefined,
    onEvent: ({ entityId, contract, data }) => {
      published.push({ entityId, verb: contract.verb, data: data as object });
    },
  });
}, 60_000);

afterAll(async () => {
  await follower.stop();
  await registry.stop();
});

const START = Date.now() - 600_000;
const at = (second: number): string => new Date(START + second * 1_000).toISOString();
const newDevice = async (): Promise<string> => (await registry.provision({ deviceType })).id;
const opened = (connection: string, deviceId: string, second: number, clientId = 'client'): DoorReport => ({
  kind: 'opened',
  connection,
  tenantId,
  deviceId,
  clientId,
  transport: 'tls',
  protocol: '5',
  address: '192.0.2.7',
  at: at(second),
});
const used = (connection: string, deviceId: string, second: number): DoorReport => ({
  kind: 'used',
  connection,
  tenantId,
  deviceId,
  at: at(second),
});
const closed = (
  connection: string,
  second: number,
  reason: DisconnectReason = 'disconnected',
): DoorReport => ({
  kind: 'closed',
  connection,
  reason,
  at: at(second),
});
const tell = (told: Omit<ReportConnections, 'isNew' | 'leaseSeconds'> & Partial<ReportConnections>) =>
  registry.bus.request(reportConnections, { isNew: true, leaseSeconds: 600, ...told }, { timeoutMs: 15_000 });
const report = (...reports: DoorReport[]) => tell({ door: 'door', reports });
const stateOf = (deviceId: string) => registry.bus.request(getConnectivity, { tenantId, deviceId });
const toldOf = (deviceId: string) =>
  published.filter(({ entityId }) => entityId === deviceId).map(({ verb, data }) => ({ verb, ...data }));

describe('what a door tells', () => {
  it('is shown with each connection, and with why and when the last one ended, and told to others', async () => {
    const id = await newDevice();
    const [k1, k2] = [newId(), newId()];
    expect(await stateOf(id)).toEqual({
      interface: 'mqtt',
      connected: false,
      since: null,
      lastSeenAt: null,
      connections: [],
      lastEnded: null,
    });
    await report(opened(k1, id, 1, 'c1'), opened(k2, id, 2, 'c2'));
    const shown = { deviceId: id, transport: 'tls', protocol: '5', address: '192.0.2.7' };
    expect(await stateOf(id)).toEqual({
      interface: 'mqtt',
      connected: true,
      since: at(1),
      lastSeenAt: at(2),
      connections: [
        { clientId: 'c2', since: at(2), ...shown },
        { clientId: 'c1', since: at(1), ...shown },
      ],
      lastEnded: null,
    });
    await report(closed(k2, 3, 'taken-over'));
    expect(await stateOf(id)).toMatchObject({
      connected: true,
      since: at(1),
      connections: [{ clientId: 'c1' }],
      lastEnded: { at: at(3), reason: 'taken-over', clientId: 'c2' },
    });
    await report(closed(k1, 4, 'keepalive'));
    expect(await stateOf(id)).toEqual({
      interface: 'mqtt',
      connected: false,
      since: at(4),
      lastSeenAt: at(2),
      connections: [],
      lastEnded: { at: at(4), reason: 'keepalive', clientId: 'c1' },
    });
    await eventually(() => toldOf(id).length === 2, { what: 'both events' });
    expect(toldOf(id)).toEqual([
      { verb: 'connected', deviceId: id, version: 1, at: at(1), since: at(1), clientId: 'c1' },
      { verb: 'disconnected', deviceId: id, version: 2, at: at(4), since: at(1), reason: 'keepalive' },
    ]);
  });

  it('changes nothing when all is told again, however often and by however many at once', async () => {
    const [id, child] = [await newDevice(), await newDevice()];
    const k1 = newId();
    const all = [opened(k1, id, 1), used(k1, child, 2), closed(k1, 3)];
    await Promise.all(Array.from({ length: 8 }, () => report(...all)));
    for (const one of [...all].reverse()) await report(one);
    expect(await stateOf(id)).toMatchObject({ connected: false, since: at(3) });
    expect(await stateOf(child)).toMatchObject({ connected: false, since: at(3), lastSeenAt: at(2) });
    await eventually(() => toldOf(child).length >= 2, { what: 'the events' });
    expect([toldOf(id).length, toldOf(child).length]).toEqual([2, 2]);
  });

  it('is decided on all connections of a device, also when two doors tell at the same time', async () => {
    const id = await newDevice();
    for (let round = 0; round < 10; round += 1) {
      const [k1, k2] = [newId(), newId()];
      await tell({ door: 'a', reports: [opened(k1, id, round)] });
      // One ends while the other begins: whoever comes first, the device is connected in the end.
      await Promise.all([
        tell({ door: 'a', reports: [closed(k1, round)] }),
        tell({ door: 'b', reports: [opened(k2, id, round)] }),
      ]);
      expect(await stateOf(id)).toMatchObject({ connected: true, connections: [{}] });
      await tell({ door: 'b', reports: [closed(k2, round)] });
      expect(await stateOf(id)).toMatchObject({ connected: false, connections: [] });
    }
  });

  it('of a device that does not exist is refused, and does not hold up the others', async () => {
    const id = await newDevice();
    const [k1, k2] = [newId(), newId()];
    const { outcomes } = await report(opened(k1, 'nobody', 1), opened(k2, id, 1), closed(k1, 2));
    expect(outcomes).toEqual([{ code: 'device-not-found', detail: 'There is no such device.' }, {}, {}]);
    expect(await stateOf(id)).toMatchObject({ connected: true });
  });

  it('goes with the device', async () => {
    const id = await newDevice();
    const k1 = newId();
    await report(opened(k1, id, 1));
    await registry.bus.request(deleteDevice, { ...base, deviceId: id });
    await report(closed(k1, 2));
    const { rows } = await registry.database.query(
      `SELECT 1 FROM device_connectivity WHERE device_id = $1 UNION ALL SELECT 1 FROM connection_devices WHERE device_id = $1`,
      [id],
    );
    expect(rows).toEqual([]);
  });

  it('shows a device behind a gateway by whose connection it is connected', async () => {
    const [gateway, child] = [await newDevice(), await newDevice()];
    const k1 = newId();
    await report(opened(k1, gateway, 1), used(k1, child, 2));
    const { connections, since } = await stateOf(child);
    expect(connections).toMatchObject([{ deviceId: gateway, since: at(1) }]);
    expect(since).toBe(at(2));
  });

  it('by clocks that differ never goes back in time, and is never seen in the future', async () => {
    const id = await newDevice();
    const [k1, k2, ahead] = [newId(), newId(), 1_000_000];
    await tell({ door: 'a', reports: [opened(k1, id, 100), closed(k1, 200)] });
    await tell({ door: 'b', reports: [opened(k2, id, 150)] });
    expect(await stateOf(id)).toMatchObject({
      connected: true,
      since: at(200),
      connections: [{ since: at(150) }],
    });
    await tell({ door: 'c', reports: [opened(newId(), id, ahead)] });
    const { lastSeenAt } = await stateOf(id);
    expect(Date.parse(lastSeenAt ?? '')).toBeLessThanOrEqual(Date.now());
  });

  it('leaves nothing behind of what is long over, and keeps what is open', async () => {
    const id = await newDevice();
    const k1 = newId();
    await report(opened(k1, id, 1), used('only-used', id, 1), closed('only-closed', 1));
    await registry.database.query(`UPDATE live_connections SET changed_at = now() - interval '2 hours'`);
    await registry.database.query(
      `INSERT INTO live_connections (connection, door, closed_at, reason, changed_at)
       SELECT 'old-' || n, 'old', now(), 'lost', now() - interval '2 hours' FROM generate_series(1, 10500) n`,
    );
    const forget = () => registry.database.transaction(forgetConnections);
    // The service does the same once a minute.
    await eventually(async () => !(await forget()), { what: 'all is forgotten' });
    const left = await registry.database.query<{ connection: string }>(
      `SELECT connection FROM live_connections WHERE opened_at IS NULL OR closed_at IS NOT NULL`,
    );
    expect(left.rows).toEqual([]);
    const links = await registry.database.query(
      `SELECT FROM connection_devices WHERE connection = 'only-used'`,
    );
    expect(links.rowCount).toBe(0);
    expect(await stateOf(id)).toMatchObject({ connected: true });
  });
});

describe('the lease of a door', () => {
  it('that lapses ends its connections, at that time, and nobody else’s', async () => {
    const [lost, both, other] = [await newDevice(), await newDevice(), await newDevice()];
    const [dead, alive] = [newId(), newId()];
    const before = Date.now();
    await tell({ door: alive, reports: [opened(newId(), both, 1), opened(newId(), other, 1)] });
    await tell({
      door: dead,
      leaseSeconds: 1,
      reports: [opened(newId(), lost, 1), opened(newId(), both, 1)],
    });
    await eventually(async () => (await stateOf(lost)).connected === false, { what: 'the lapse' });
    const { since, lastEnded } = await stateOf(lost);
    expect(lastEnded).toEqual({ at: since, reason: 'door-lost', clientId: 'client' });
    expect(Date.parse(since ?? '') - before).toBeGreaterThanOrEqual(1_000);
    expect(Date.parse(since ?? '')).toBeLessThanOrEqual(Date.now());
    expect(await stateOf(both)).toMatchObject({ connected: true, lastEnded: { reason: 'door-lost' } });
    expect((await stateOf(both)).connections).toHaveLength(1);
    expect(await stateOf(other)).toMatchObject({ connected: true, lastEnded: null });
    await eventually(() => toldOf(lost).length === 2, { what: 'the loss is told' });
    expect(toldOf(lost)[1]).toMatchObject({ verb: 'disconnected', reason: 'door-lost', at: since });
  });

  it('that is renewed does not lapse, with reports or without', async () => {
    const id = await newDevice();
    const door = newId();
    await tell({ door, leaseSeconds: 1, reports: [opened(newId(), id, 1)] });
    const until = Date.now() + 4_000;
    while (Date.now() < until) {
      const { lapsed } = await tell({ door, isNew: false, leaseSeconds: 1, reports: [] });
      expect(lapsed).toBe(false);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(await stateOf(id)).toMatchObject({ connected: true, lastEnded: null });
  });

  it('that has lapsed refuses all; the door’s next life tells of what it still holds, and it is there again', async () => {
    const [stayed, left] = [await newDevice(), await newDevice()];
    const [frozen, thawed, k1, k2] = [newId(), newId(), newId(), newId()];
    await tell({ door: frozen, leaseSeconds: 1, reports: [opened(k1, stayed, 1), opened(k2, left, 1)] });
    await eventually(async () => (await stateOf(left)).connected === false, { what: 'the lapse' });
    const lapse = (await stateOf(stayed)).since ?? '';
    const late = await tell({ door: frozen, isNew: false, reports: [closed(k2, 5)] });
    expect(late).toEqual({ lapsed: true, outcomes: [] });
    // Also its very first words, when they come again.
    expect(await tell({ door: frozen, reports: [opened(k1, stayed, 1)] })).toMatchObject({ lapsed: true });
    await tell({ door: thawed, reports: [opened(k1, stayed, 1), closed(k2, 5)] });
    expect(await stateOf(stayed)).toMatchObject({
      connected: true,
      since: lapse,
      connections: [{ since: at(1) }],
    });
    expect(await stateOf(left)).toMatchObject({ connected: false, since: lapse });
    // Neither the lapse, nor that it is told anew, is a word of the device.
    expect((await stateOf(stayed)).lastSeenAt).toBe(at(1));
    await tell({ door: thawed, reports: [opened(k2, left, 1)] });
    expect(await stateOf(left)).toMatchObject({ connected: false });
    await eventually(() => toldOf(stayed).length === 3, { what: 'the return is told' });
    expect(toldOf(stayed).map((told) => told.verb)).toEqual(['connected', 'disconnected', 'connected']);
    expect(toldOf(stayed)[2]).toMatchObject({ at: lapse, since: at(1) });
  });

  it('that nobody knows of is none: the database was restored, or it is long over', async () => {
    expect(await tell({ door: newId(), isNew: false, reports: [] })).toEqual({ lapsed: true, outcomes: [] });
  });

  it('that is given back ends what is left at once', async () => {
    const id = await newDevice();
    const door = newId();
    await tell({ door, reports: [opened(newId(), id, 1)] });
    await tell({ door, isNew: false, leaseSeconds: 0, reports: [] });
    await eventually(async () => (await stateOf(id)).connected === false, { what: 'the end' });
    expect(await tell({ door, isNew: false, reports: [] })).toMatchObject({ lapsed: true });
  });

  it('of a door with thousands of connections ends them all', async () => {
    const id = await newDevice();
    const door = newId();
    for (let batch = 0; batch < 5; batch += 1) {
      await tell({ door, reports: Array.from({ length: 500 }, (_, n) => opened(newId(), id, n)) });
    }
    await tell({ door, isNew: false, leaseSeconds: 0, reports: [] });
    await eventually(async () => (await stateOf(id)).connections.length === 0, { what: 'the end of all' });
    expect(toldOf(id).filter(({ verb }) => verb === 'disconnected').length).toBeLessThanOrEqual(1);
  });

  it('does not lapse while doors could not be heard: each has its time anew', async () => {
    const [id, gone] = [await newDevice(), await newDevice()];
    const [door, dead] = [newId(), newId()];
    await tell({ door, leaseSeconds: 600, reports: [opened(newId(), id, 1)] });
    await tell({ door: dead, leaseSeconds: 1, reports: [opened(newId(), gone, 1)] });
    await registry.restart(async () => {
      await registry.database.query(
        `UPDATE doors SET lapses_at = now() - interval '1 hour' WHERE NOT lapsed`,
      );
      await registry.database.query(
        `UPDATE door_watch SET since = now() - interval '2 hours', watched_at = now() - interval '1 hour'`,
      );
    });
    await eventually(async () => (await stateOf(gone)).connected === false, {
      what: 'the lapse of the other',
    });
    expect(await stateOf(id)).toMatchObject({ connected: true, lastEnded: null });
    expect(await tell({ door, isNew: false, reports: [] })).toMatchObject({ lapsed: false });
  });
});
