import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '@muster/contracts';
import {
  getConnectivity,
  recordLastSeen,
  reportConnections,
  type DoorReport,
} from '@muster/contracts/device-registry/connectivity.requests';
import { listCredentials, rotateCredential } from '@muster/contracts/device-registry/credentials.requests';
import { getDevice, listDevices } from '@muster/contracts/device-registry/devices.requests';
import { eventually } from '@muster/testing';
import { base, code, startRegistry, tenantId, type RunningRegistry } from '../running-registry.fixture.js';

let registry: RunningRegistry;
let deviceType: string;

beforeAll(async () => {
  registry = await startRegistry();
  deviceType = (await registry.createType()).name;
}, 60_000);

afterAll(async () => {
  await registry.stop();
});

const START = Date.now() - 60_000;
const at = (second: number): string => new Date(START + second * 1_000).toISOString();
const newDevice = async (): Promise<string> => (await registry.provision({ deviceType })).id;
const opened = (connection: string, deviceId: string, second: number): DoorReport => ({
  kind: 'opened',
  connection,
  tenantId,
  deviceId,
  clientId: 'client',
  transport: 'tcp',
  protocol: '3.1.1',
  at: at(second),
});
const closed = (connection: string, second: number): DoorReport => ({
  kind: 'closed',
  connection,
  reason: 'lost',
  at: at(second),
});
const report = (...reports: DoorReport[]) =>
  registry.bus.request(
    reportConnections,
    { door: 'door', isNew: true, leaseSeconds: 600, reports },
    { timeoutMs: 15_000 },
  );
const usesOf = async (deviceId: string) =>
  (await registry.bus.request(listCredentials, { tenantId, deviceId })).items.map(({ id, lastUsedAt }) => ({
    id,
    lastUsedAt,
  }));
const stateOf = (deviceId: string) => registry.bus.request(getConnectivity, { tenantId, deviceId });

describe('connectivity', () => {
  it('is shown with the device and in the list, and can be filtered by', async () => {
    const id = await newDevice();
    const k1 = newId();
    await report(opened(k1, id, 1));
    const connected = { connected: true, since: at(1), lastSeenAt: at(1) };
    const listed = async (filter: string) => {
      const { items } = await registry.bus.request(listDevices, { tenantId, limit: 500, filter });
      return items.find((one) => one.id === id)?.connectivity;
    };
    expect((await registry.bus.request(getDevice, { tenantId, deviceId: id })).connectivity).toEqual(
      connected,
    );
    expect(await listed('connected==true')).toEqual(connected);
    await report(closed(k1, 2));
    expect(await listed('connected==true')).toBeUndefined();
    expect(await listed('connected==false')).toEqual({ connected: false, since: at(2), lastSeenAt: at(1) });
    expect(await code(stateOf('nobody'))).toBe('device-not-found');
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

  it("says when each secret was last used, and nothing of one that is not the device's", async () => {
    const device = { deviceType, interface: 'http', credential: { kind: 'secret' } } as const;
    const [one, other] = [await registry.provision(device), await registry.provision(device)];
    const first = (await usesOf(one.id))[0]?.id ?? '';
    const rotated = await registry.bus.request(rotateCredential, {
      ...base,
      deviceId: one.id,
      credentialId: first,
      rotation: { overlapSeconds: 60 },
    });
    const seen = (second: number, secret = '') => ({
      tenantId,
      deviceId: one.id,
      at: at(second),
      secretHash: createHash('sha256').update(secret).digest('hex'),
    });
    const devices = [seen(5, one.credential.secret), seen(7, rotated.secret), seen(6, rotated.secret)];
    await registry.bus.request(recordLastSeen, { devices: [...devices, seen(8, other.credential.secret)] });
    expect(await usesOf(one.id)).toEqual([
      { id: first, lastUsedAt: at(5) },
      { id: rotated.id, lastUsedAt: at(7) },
    ]);
    expect(await usesOf(other.id)).toMatchObject([{ lastUsedAt: undefined }]);
  });

  it('and reports of connections do not deadlock', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, newDevice));
    const down = [...ids].reverse();
    const work = Array.from({ length: 10 }, (_, round) => {
      const uses = (round % 2 === 0 ? ids : down).flatMap((id) => {
        const k1 = newId();
        return [opened(k1, id, 40), closed(k1, 41)];
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
