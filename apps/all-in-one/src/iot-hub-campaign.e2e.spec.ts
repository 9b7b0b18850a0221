import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Campaigning, MqttFleet, refuses, type Made } from './campaign.fixture.js';
import {
  openRegistry,
  report,
  startPlatformWithHub,
  told,
  until,
  type HubDevice,
  type PlatformWithHub,
} from './iot-hub.fixture.js';

const OF_EACH_INTERFACE = 100;
const CANARIES_OF_EACH = 5;

interface Event {
  readonly id: string;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

let world: PlatformWithHub;
let campaigns: Campaigning;
let integrator: { readonly process: ChildProcess; readonly events: () => Event[] };
const integration = join(tmpdir(), `muster-integration-${process.pid}.json`);
const fleet = new MqttFleet();

beforeAll(async () => {
  world = await startPlatformWithHub();
  const { platform, simulator } = world;
  campaigns = new Campaigning(platform);
  const hub = { name: 'factory', connectionString: simulator.connectionString(), tier: 'S3' };
  expect(await platform.api('POST', '/iot-hubs', hub)).toMatchObject({ status: 201 });
  const { body } = await platform.api('POST', '/integrations', { name: 'warehouse' });
  await writeFile(integration, JSON.stringify(body), { mode: 0o600 });
  integrator = followEvents(integration);
}, 180_000);

afterAll(async () => {
  await fleet.stop();
  const gone = once(integrator.process, 'exit');
  integrator.process.kill();
  await gone;
  await rm(integration, { force: true });
  await world.stop();
});

/** The published example, as an integrator runs it. */
const followEvents = (file: string): typeof integrator => {
  const example = resolve(import.meta.dirname, '../../../../examples/events/subscribe.mjs');
  const reader = spawn(process.execPath, [example, file], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  reader.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  return {
    process: reader,
    events: () =>
      output
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Event),
  };
};

/** Which keys it has, and what is in them, without the values. */
const shapeOf = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])];
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, of]) => [key, shapeOf(of)] as const)
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  );
};

/** Every shape of the events of these devices, by type. */
const shapesOf = (events: readonly Event[], devices: readonly { readonly id: string }[]) => {
  const ids = new Set(devices.map(({ id }) => id));
  const shapes = new Map<string, Set<string>>();
  for (const { type, data } of events) {
    if (!ids.has(String(data['deviceId']))) continue;
    const known = shapes.get(type) ?? new Set();
    shapes.set(type, known.add(JSON.stringify(shapeOf(data))));
  }
  return Object.fromEntries([...shapes].map(([type, known]) => [type, [...known].sort()] as const).sort());
};

it('a campaign over 200 devices, half of them in a hub, stops at its canaries of both interfaces; nobody else is told', async () => {
  const { platform, simulator } = world;
  const [inHub, overMqtt] = await Promise.all([
    campaigns.devices('radiator', OF_EACH_INTERFACE, { interface: 'iothub' }, 'hub') as Promise<
      (HubDevice & Made)[]
    >,
    campaigns.devices('radiator', OF_EACH_INTERFACE, {}, 'mqtt'),
  ]);
  const toldInHub = new Set<string>();
  await Promise.all([
    fleet.connectAll(overMqtt, () => refuses(422)),
    ...inHub.map(async (device) => {
      const client = await world.connect(device);
      const twin = await client.getTwin();
      twin.on('properties.desired.muster.configuration', () => {
        toldInHub.add(device.id);
        const configuration = { configId: told(twin)?.configId, statusCode: 422, reasonPhrase: 'I say 422.' };
        void report(twin, { muster: { configuration } });
      });
    }),
  ]);
  await until('all are connected', async () =>
    expect(await platform.api('GET', '/devices?filter=connected==true&limit=1&count=true')).toMatchObject({
      body: { total: 2 * OF_EACH_INTERFACE },
    }),
  );
  const canaries = [...inHub.slice(0, CANARIES_OF_EACH), ...overMqtt.slice(0, CANARIES_OF_EACH)];
  const all = [...inHub, ...overMqtt];
  const id = await campaigns.launch({
    name: 'both interfaces',
    target: { deviceIds: all.map((device) => device.id) },
    configurations: { interval: 99 },
    batches: [
      { deviceIds: canaries.map((device) => device.id), gate: { maxFailurePercent: 5 } },
      { percent: 100 },
    ],
  });
  await campaigns.until(id, ({ status }) => status === 'paused');
  expect(await world.get(`/campaigns/${id}/statistics`)).toMatchObject({
    byStatus: { failed: canaries.length, planned: all.length - canaries.length },
  });

  // Who was told, by those who were, and by the hub's twins as another service reads them.
  expect(fleet.told(overMqtt)).toBe(CANARIES_OF_EACH);
  expect([...toldInHub].sort()).toEqual(
    inHub
      .slice(0, CANARIES_OF_EACH)
      .map((one) => one.id)
      .sort(),
  );
  const query = openRegistry(simulator).createQuery(
    'SELECT * FROM devices WHERE is_defined(properties.desired.muster)',
    100,
  );
  const { result } = await query.nextAsTwin();
  expect((result as { deviceId: string }[]).map(({ deviceId }) => deviceId).sort()).toEqual(
    inHub
      .slice(0, CANARIES_OF_EACH)
      .map(({ token }) => token)
      .sort(),
  );

  // And by what integrators were told: the same of either interface.
  const changed = () =>
    integrator.events().filter(({ type }) => type === 'io.muster.configuration.rejected.v1');
  await until('integrators know of all canaries', () => {
    expect(new Set(changed().map(({ data }) => data['deviceId'])).size).toBe(canaries.length);
    return Promise.resolve();
  });
  const events = integrator.events();
  const wanted = events.filter(({ type }) => type === 'io.muster.desired-configuration.changed.v1');
  expect(new Set(wanted.map(({ data }) => data['deviceId']))).toEqual(new Set(canaries.map((one) => one.id)));
  // Those of other services may come a moment later.
  await until('their events are the same', () => {
    const shapes = shapesOf(integrator.events(), inHub);
    expect(shapes).toEqual(shapesOf(integrator.events(), overMqtt));
    expect(Object.keys(shapes)).toEqual(
      expect.arrayContaining([
        'io.muster.configuration.dispatched.v1',
        'io.muster.configuration.rejected.v1',
        'io.muster.desired-configuration.changed.v1',
        'io.muster.device.connected.v1',
        'io.muster.device.provisioned.v1',
      ]),
    );
    return Promise.resolve();
  });
}, 120_000);
