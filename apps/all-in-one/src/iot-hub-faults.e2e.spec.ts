import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  makeCertificate,
  startSimulator,
  type CertificateAndKey,
  type Simulator,
} from '@muster/iothub-simulator';
import { mqttUrl, type Platform } from '@muster/testing';
import { Message } from 'azure-iot-device';
import { connectAsync } from 'mqtt';
import type { Made } from './campaign.fixture.js';
import {
  connectHubDevice,
  EVERY_ROUTE,
  report,
  startPlatformWithHub,
  told,
  until,
  type HubDevice,
  type PlatformWithHub,
} from './iot-hub.fixture.js';

const MINUTE_MS = 60_000;

/** Of all hubs: the platform trusts it. */
let authority: CertificateAndKey;
let world: PlatformWithHub;
let platform: Platform;
let simulator: Simulator;
let hubPath: string;

beforeAll(async () => {
  authority = await makeCertificate({ commonName: 'hubs', isAuthority: true });
  world = await startPlatformWithHub({ authority });
  ({ platform, simulator } = world);
  const hub = { name: 'factory', connectionString: simulator.connectionString(), tier: 'S3' };
  const added = await platform.api('POST', '/iot-hubs', hub);
  expect(added).toMatchObject({ status: 201 });
  hubPath = `/iot-hubs/${(added.body as { id: string }).id}`;
}, 180_000);

afterEach(async () => {
  simulator.faults.clear();
  simulator.setQuotas(undefined);
  await world.closeClients();
});

afterAll(() => world.stop());

const samplesOf = async ({ id }: HubDevice): Promise<unknown> => {
  const sql = 'SELECT count(*)::integer AS n FROM telemetry.samples WHERE device_id = $1';
  const [row] = await platform.sql(sql, [id]);
  return row?.['n'];
};

const desire = async ({ id }: HubDevice, desired: object): Promise<void> => {
  expect(await platform.api('PATCH', `/devices/${id}/configuration/desired`, desired)).toMatchObject({
    status: 200,
  });
};

describe('a hub that is away', () => {
  it('gets the identity when it is back; until then the words of the hub are shown', async () => {
    simulator.faults.add({ kind: 'rest-error', status: 500, path: '/devices/' });
    const device = await world.newDevice();
    await until('the fault is shown', async () =>
      expect(await world.get(`/devices/${device.id}/iot-hub`)).toMatchObject({
        identity: 'failing',
        fault: expect.stringContaining('500'),
      }),
    );
    simulator.faults.clear();
    await world.inHub(device);
    await until('it is made', async () =>
      expect(await world.get(`/devices/${device.id}/iot-hub`)).toMatchObject({ identity: 'made' }),
    );
  });

  it('has done what it did not answer: nothing is done twice', async () => {
    simulator.faults.add({ kind: 'rest-drop', path: '/devices/', method: 'PUT', afterwards: true, times: 1 });
    const device = await world.newDevice();
    const before = await world.inHub(device);
    await until('it is made', async () =>
      expect(await world.get(`/devices/${device.id}/iot-hub`)).toMatchObject({ identity: 'made' }),
    );
    expect(simulator.deviceConnectionString(device.token)).toBe(before);
  });

  it('is told the configuration when it is back, and devices elsewhere do not wait for it', async () => {
    const device = await world.newDevice();
    const client = await world.connect(device);
    const made = await platform.api('POST', '/devices', { name: 'beside-the-hub', deviceType: 'radiator' });
    const other = made.body as Made;
    const mqtt = await connectAsync(mqttUrl(), { clientId: 'beside-the-hub' });
    const pushed = new Promise<string>((resolve) =>
      mqtt.on('message', (_topic, payload) => resolve(payload.toString())),
    );
    await mqtt.subscribeAsync(`kp1/${other.appVersion}/cmx/${other.token}/config/json/status`, { qos: 1 });
    simulator.faults.add({ kind: 'rest-drop', path: '/twins/' });
    await desire(device, { interval: 5 });
    await platform.api('PATCH', `/devices/${other.id}/configuration/desired`, { interval: 6 });
    expect(JSON.parse(await pushed)).toMatchObject({ config: { interval: 6 } });
    await mqtt.endAsync();
    simulator.faults.clear();
    await until('the device has it', async () =>
      expect(told(await client.getTwin())?.config).toEqual({ interval: 5 }),
    );
  });
});

describe('two hubs', () => {
  it('have each its devices; one that is away keeps nobody of the other waiting', async () => {
    const other = await startSimulator({ routes: EVERY_ROUTE, authority });
    try {
      await platform.api('POST', '/device-types', { name: 'valve' });
      const added = await platform.api('POST', '/iot-hubs', {
        ...{ name: 'other', connectionString: other.connectionString(), tier: 'S3', deviceTypes: ['valve'] },
      });
      expect(added).toMatchObject({ status: 201 });
      const here = await world.newDevice();
      const there = await world.newDevice({ deviceType: 'valve' });
      const clientHere = await world.connect(here);
      await until('it is in the other hub', () => {
        expect(other.deviceConnectionString(there.token)).toBeTruthy();
        return Promise.resolve();
      });
      expect(() => other.deviceConnectionString(here.token)).toThrow();
      expect(() => simulator.deviceConnectionString(there.token)).toThrow();

      simulator.faults.add({ kind: 'rest-drop', path: '/' });
      simulator.faults.add({ kind: 'attach-error', address: '', condition: 'com.microsoft:server-busy' });
      simulator.dropAmqp();
      await desire(here, { interval: 8 });
      await desire(there, { interval: 9 });
      const clientThere = await connectHubDevice(other, there.token);
      await clientThere.sendEvent(new Message('{"a": 1}'));
      await until('the sample is stored', async () => expect(await samplesOf(there)).toBe(1));
      await until('the device has its configuration', async () =>
        expect(told(await clientThere.getTwin())?.config).toEqual({ interval: 9 }),
      );
      expect(told(await clientHere.getTwin())).toBeUndefined();
      await clientThere.close();

      simulator.faults.clear();
      await until('the device has its own', async () =>
        expect(told(await clientHere.getTwin())?.config).toEqual({ interval: 8 }),
      );
      const { id } = added.body as { id: string };
      expect(await platform.api('DELETE', `/iot-hubs/${id}`)).toMatchObject({ status: 204 });
    } finally {
      await other.close();
    }
  }, 90_000);
});

describe('a key that is revoked', () => {
  it('stops what is done with the hub, until another one is given; nothing is lost', async () => {
    const device = await world.newDevice();
    const client = await world.connect(device);
    simulator.regenerateKey('iothubowner');
    simulator.dropAmqp();
    expect(await platform.api('POST', `${hubPath}/check`)).toMatchObject({
      body: { works: false, faults: [{ about: 'key' }] },
    });
    await client.sendEvent(new Message('{"a": 1}'));
    const later = await world.newDevice();
    await until('the fault is shown', async () =>
      expect(await world.get(`/devices/${later.id}/iot-hub`)).toMatchObject({ identity: 'failing' }),
    );
    const connectionString = simulator.connectionString();
    expect(await platform.api('PATCH', hubPath, { connectionString })).toMatchObject({ status: 200 });
    await world.inHub(later);
    await until('the sample is stored', async () => expect(await samplesOf(device)).toBe(1));
  });
});

describe('events', () => {
  it('that come late are stored with the time at which the hub had them', async () => {
    const device = await world.newDevice();
    const client = await world.connect(device);
    simulator.faults.add({ kind: 'event-delay', ms: 2_000, deviceId: device.token });
    const sentAt = Date.now();
    await client.sendEvent(new Message('{"a": 1}'));
    await until('it is stored', async () => expect(await samplesOf(device)).toBe(1));
    const { items } = (await world.get(`/devices/${device.id}/telemetry/latest`)) as {
      items: { ts: string }[];
    };
    expect(Math.abs(Date.parse(items[0]?.ts ?? '') - sentAt)).toBeLessThan(1_500);
  });

  it('that a hub has twice: a state and a connection are what they are, a sample is there as often as the hub has it', async () => {
    const device = await world.newDevice();
    await world.inHub(device);
    simulator.faults.add({ kind: 'event-duplicate', deviceId: device.token });
    const client = await world.connect(device);
    await report(await client.getTwin(), { mode: 'eco' });
    await client.sendEvent(new Message('{"a": 1}'));
    await until('both samples are stored', async () => expect(await samplesOf(device)).toBe(2));
    await until('the state is reported', async () =>
      expect(await world.get(`/devices/${device.id}/configuration`)).toMatchObject({
        keys: { mode: { reported: 'eco' } },
      }),
    );
    expect(await world.get(`/devices/${device.id}/connectivity`)).toMatchObject({ connected: true });
  });

  it('of a partition that gives none out are stored when it does; other partitions go on', async () => {
    const fleet = await Promise.all([1, 2, 3, 4, 5, 6].map(() => world.newDevice()));
    const clients = await Promise.all(fleet.map((device) => world.connect(device)));
    const partitions = ['0', '1', '2', '3'];
    const [held] = partitions;
    const { id } = simulator.faults.add({ kind: 'partition-hold', partitionId: held ?? '' });
    await Promise.all(clients.map((client) => client.sendEvent(new Message('{"a": 1}'))));
    const stored = async () => {
      const counts = await Promise.all(fleet.map(samplesOf));
      return counts.filter((count) => count === 1).length;
    };
    await until('those of the others are stored', async () => expect(await stored()).toBeGreaterThan(0));
    simulator.faults.remove(id);
    await until('all are stored', async () => expect(await stored()).toBe(fleet.length));
  });
});

describe('a question that a hub never answers', () => {
  it('where it has its partitions: claims are renewed all the same', async () => {
    simulator.faults.add({ kind: 'amqp-silence', address: '$management', times: 1 });
    await until('it has come', async () => expect(simulator.faults.list()).toEqual([]));
    const since = new Date();
    await until('all claims are renewed', async () => {
      const sql = 'SELECT bool_and(owned_at > $1) AS renewed FROM iothub_adapter.hub_partitions';
      expect(await platform.sql(sql, [since])).toEqual([{ renewed: true }]);
    });
  });

  it('whether we may read, after a connection that went away: its partitions are read all the same', async () => {
    const fleet = await Promise.all([1, 2, 3, 4, 5, 6].map(() => world.newDevice()));
    const clients = await Promise.all(fleet.map((device) => world.connect(device)));
    const sayAndSee = async (times: number): Promise<void> => {
      await Promise.all(clients.map((client) => client.sendEvent(new Message('{"a": 1}'))));
      await until('all is stored', async () =>
        expect(await Promise.all(fleet.map(samplesOf))).toEqual(fleet.map(() => times)),
      );
    };
    await sayAndSee(1);
    simulator.faults.add({ kind: 'amqp-silence', address: '$cbs', times: 1 });
    simulator.dropAmqp();
    await until('it has come', async () => expect(simulator.faults.list()).toEqual([]));
    await sayAndSee(2);
  }, 90_000);
});

describe('a hub that is narrow', () => {
  it('says 429, and everything is done all the same', async () => {
    const fleet = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(() => world.newDevice()));
    await Promise.all(fleet.map((device) => world.inHub(device)));
    // We are told S3 and may do 250 a second; the hub takes five.
    simulator.setQuotas({ tier: 'S1', scale: 0.1 });
    const desired = { interval: 7 };
    await Promise.all(fleet.map((device) => desire(device, desired)));
    const clients = await Promise.all(fleet.map((device) => world.connect(device)));
    for (const client of clients) {
      await until('it has its configuration', async () =>
        expect(told(await client.getTwin())?.config).toEqual(desired),
      );
    }
  }, 180_000);
});

describe('a campaign', () => {
  it('on a hub that says 429 tells that it is limited by the hub and until about when, and goes on by itself', async () => {
    const fleet = await Promise.all([1, 2, 3].map(() => world.newDevice()));
    await Promise.all(fleet.map((device) => world.inHub(device)));
    const { id: fault } = simulator.faults.add({
      kind: 'rest-error',
      status: 429,
      path: '/twins/',
      retryAfterSeconds: 1,
    });
    const created = await platform.api('POST', '/campaigns', {
      name: 'on a narrow hub',
      target: { deviceIds: fleet.map(({ id }) => id) },
      configurations: { interval: 98 },
      batches: [{ percent: 100 }],
    });
    const path = `/campaigns/${(created.body as { id: string }).id}`;
    expect(await platform.api('POST', `${path}/launch`)).toMatchObject({ status: 200 });
    await until('it says so', async () =>
      expect(await world.get(path)).toMatchObject({
        status: 'running',
        phase: 'dispatching',
        phaseDetail: expect.stringMatching(
          /Batch 1: .* Limited by the IoT Hub "factory", until about [-\d]{10} [:\d]{5} UTC: \d documents? waits? for it\./,
        ),
        nextAt: expect.any(String),
      }),
    );
    simulator.faults.remove(fault);
    await until('every batch is done', async () =>
      expect(await world.get(path)).toMatchObject({ status: 'completed' }),
    );
  }, 60_000);
});

describe('a hub whose clock is another', () => {
  it.each([
    ['ahead', 9 * MINUTE_MS],
    ['behind', -9 * MINUTE_MS],
  ])('is used as any, nine minutes %s', async (_where, ms) => {
    simulator.faults.add({ kind: 'clock-skew', ms });
    // Whoever is let in already is asked anew.
    simulator.dropAmqp();
    const device = await world.newDevice();
    const client = await world.connect(device);
    await client.sendEvent(new Message('{"a": 1}'));
    await until('the sample is stored', async () => expect(await samplesOf(device)).toBe(1));
    expect(await platform.api('POST', `${hubPath}/check`)).toMatchObject({ body: { works: true } });
  });

  it('two hours ahead is out of reach, in words; what was left undone is done when the clocks agree', async () => {
    simulator.faults.add({ kind: 'clock-skew', ms: 120 * MINUTE_MS });
    expect(await platform.api('POST', `${hubPath}/check`)).toMatchObject({
      body: {
        works: false,
        faults: [{ about: 'key', message: expect.stringContaining('our clock is wrong') }],
      },
    });
    const device = await world.newDevice();
    await until('the fault is shown', async () =>
      expect(await world.get(`/devices/${device.id}/iot-hub`)).toMatchObject({ identity: 'failing' }),
    );
    simulator.faults.clear();
    const client = await world.connect(device);
    await client.sendEvent(new Message('{"a": 1}'));
    // Microsoft's client waits longer each time that it is refused.
    await until('the sample is stored', async () => expect(await samplesOf(device)).toBe(1), 60_000);
  }, 90_000);

  // It does not come back: the last ones.
  it('counts for the times of samples; nobody is shown as connected since a time to come', async () => {
    simulator.advanceTime(60 * MINUTE_MS);
    const device = await world.newDevice();
    const client = await world.connect(device);
    const sentAt = Date.now();
    await client.sendEvent(new Message('{"a": 1}'));
    await until('the sample is stored', async () => expect(await samplesOf(device)).toBe(1));
    const { items } = (await world.get(`/devices/${device.id}/telemetry/latest`)) as {
      items: { ts: string }[];
    };
    expect((Date.parse(items[0]?.ts ?? '') - sentAt) / MINUTE_MS).toBeCloseTo(60, 0);
    await until('it is connected', async () =>
      expect(await world.get(`/devices/${device.id}/connectivity`)).toMatchObject({ connected: true }),
    );
    const { since } = (await world.get(`/devices/${device.id}/connectivity`)) as { since: string };
    expect(Date.parse(since)).toBeLessThanOrEqual(Date.now());
    await world.closeClients();
    await until('it is connected no more', async () =>
      expect(await world.get(`/devices/${device.id}/connectivity`)).toMatchObject({ connected: false }),
    );
  });
});
