import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, mosquittoRr, mqttUrl, startPlatform, type Platform } from '@muster/testing';
import { connectAsync, type MqttClient } from 'mqtt';
import { uploadFirmware } from './operator.fixture.js';

/**
 * Writes and events that a service fails on for their own sake, one of each kind: where they are seen, and that each comes to
 * its right end when the cause is gone. The cause is a trigger in the service's table that raises for one device.
 */
let platform: Platform;
let client: MqttClient;
const clients: MqttClient[] = [];

interface Device {
  readonly id: string;
  readonly token: string;
  readonly appVersion: string;
}

interface Parked {
  readonly id: string;
  readonly state: string;
  readonly consumer: string;
  readonly service: string;
  readonly reason: string;
}

/** Consumers give an event up after six deliveries, with pauses of at most a second here. */
const EVENT_MS = 60_000;

const ANY_WRITE = 'INSERT OR UPDATE OR DELETE';
/** A place is a table of a service; a row with that text in it cannot be written there. */
const poison = async (place: string, text: string, writes = ANY_WRITE): Promise<void> => {
  await platform.sql(
    `CREATE OR REPLACE TRIGGER bites BEFORE ${writes} ON ${place} FOR EACH ROW EXECUTE FUNCTION poison.bite('${place}')`,
  );
  await platform.sql('INSERT INTO poison.texts VALUES ($1, $2)', [place, text]);
};
/** The state of a stream is written as something that nobody can read. */
const spoil = async (schema: string, text: string): Promise<void> => {
  const place = `${schema}.streams`;
  await platform.sql(
    `CREATE OR REPLACE TRIGGER spoils BEFORE INSERT OR UPDATE ON ${place} FOR EACH ROW EXECUTE FUNCTION poison.spoil('${place}')`,
  );
  await platform.sql('INSERT INTO poison.texts VALUES ($1, $2)', [place, text]);
};
const cure = async (): Promise<void> => {
  await platform.sql('DELETE FROM poison.texts');
  for (const schema of ['configuration', 'firmware']) {
    await platform.sql(
      `UPDATE ${schema}.streams s SET state = k.state FROM poison.spoilt k
       WHERE k.place = '${schema}.streams' AND (k.tenant_id, k.stream, k.version) = (s.tenant_id, s.stream, s.version)`,
    );
  }
};

const list = async (filter: string): Promise<readonly Parked[]> => {
  const { status, body } = await platform.api('GET', `/parked?filter=${encodeURIComponent(filter)}`);
  expect(status).toBe(200);
  return (body as { items: readonly Parked[] }).items;
};
const parkedAt = (consumer: string, deadlineMs = 30_000): Promise<Parked> =>
  eventually(async () => (await list(`state==open;consumer==${consumer}`))[0], {
    what: `something is parked at ${consumer}`,
    deadlineMs,
  });
const replay = async ({ id }: Parked) => (await platform.api('POST', `/parked/${id}/replay`)).body;

let devices = 0;
const newDevice = async (name?: string): Promise<Device> => {
  devices += 1;
  const created = await platform.api('POST', '/devices', {
    name: name ?? `poison-${devices}`,
    deviceType: 'pump',
  });
  expect(created.status).toBe(201);
  return created.body as Device;
};
const topicOf = ({ appVersion, token }: Device, path: string): string => {
  const [extension = '', ...rest] = path.split('/');
  return ['kp1', appVersion, extension, token, ...rest].join('/');
};
const say = (device: Device, path: string, body: object) =>
  client.publishAsync(topicOf(device, path), JSON.stringify(body), { qos: 1 });
/** Sends it and waits for its `/error`. */
const refusedWith = async (device: Device, path: string, body: object): Promise<unknown> => {
  const topic = topicOf(device, path);
  const args = ['-V', '311', '-W', '30', '-q', '1', '-e', `${topic}/error`, '-t', topic];
  const result = await mosquittoRr([...args, '-m', JSON.stringify(body)]);
  return JSON.parse(result.stdout);
};
const get = async (path: string): Promise<unknown> => (await platform.api('GET', path)).body;

beforeAll(async () => {
  platform = await startPlatform({
    MUSTER_UPLINK_SET_ASIDE_AFTER_SECONDS: '1',
    MUSTER_EVENT_RETRY_SECONDS: '1',
  });
  await platform.sql(`
    CREATE SCHEMA poison;
    CREATE TABLE poison.texts (place text, text text);
    CREATE FUNCTION poison.bite() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    DECLARE r text := CASE TG_OP WHEN 'DELETE' THEN OLD::text ELSE NEW::text END;
    BEGIN
      IF EXISTS (SELECT FROM poison.texts t WHERE t.place = TG_ARGV[0] AND strpos(r, t.text) > 0) THEN
        RAISE EXCEPTION 'poisoned';
      END IF;
      RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END $$;
    CREATE TABLE poison.spoilt (place text, tenant_id text, stream text, version integer, state jsonb);
    CREATE FUNCTION poison.spoil() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
      IF EXISTS (SELECT FROM poison.texts t WHERE t.place = TG_ARGV[0] AND strpos(NEW.stream, t.text) > 0) THEN
        INSERT INTO poison.spoilt VALUES (TG_ARGV[0], NEW.tenant_id, NEW.stream, NEW.version, NEW.state);
        NEW.state := 'null';
      END IF;
      RETURN NEW;
    END $$`);
  expect((await platform.api('POST', '/device-types', { name: 'pump' })).status).toBe(201);
  const type = { name: 'main', versionKey: 'fw', urlKey: 'fwUrl', tokenKey: 'fwToken' };
  expect((await platform.api('POST', '/device-types/pump/firmware-types', type)).status).toBe(201);
  client = await connectAsync(mqttUrl(), { clientId: `poison-${process.pid}` });
  clients.push(client);
}, 90_000);

afterAll(async () => {
  for (const one of clients) await one.endAsync(true);
  await platform.stop();
});

interface Kind {
  readonly place: string;
  readonly consumer: string;
  readonly path: string;
  readonly body: object;
  readonly before?: (device: Device) => Promise<unknown>;
  /** What is there in the end. */
  readonly url: string;
  readonly then: unknown;
}

const WRITES: Readonly<Record<string, Kind>> = {
  telemetry: {
    place: 'telemetry.samples',
    consumer: 'muster-uplink',
    path: 'dcx/json/1',
    body: { n: 1 },
    url: '/telemetry/latest',
    then: expect.objectContaining({
      items: expect.arrayContaining([expect.objectContaining({ key: 'n', value: 1 })]),
    }),
  },
  'a configuration report': {
    place: 'configuration.events',
    consumer: 'muster-uplink-configuration',
    path: 'cmx/applied/json/1',
    body: { configId: 'x', statusCode: 500, reasonPhrase: 'no' },
    before: ({ id }) => platform.api('PATCH', `/devices/${id}/configuration/desired`, { interval: 30 }),
    url: '/configuration',
    then: expect.objectContaining({ keys: { interval: expect.objectContaining({ desired: 30 }) } }),
  },
  'a state report': {
    place: 'configuration.events',
    consumer: 'muster-uplink-configuration',
    path: 'cmx/state/json/1',
    body: { led: true },
    url: '/configuration',
    then: expect.objectContaining({ keys: { led: expect.objectContaining({ reported: true }) } }),
  },
  metadata: {
    place: 'device_registry.events',
    consumer: 'muster-uplink-registry',
    path: 'epmx/update/keys/1',
    body: { room: 'attic' },
    url: '/metadata',
    then: expect.anything(),
  },
  'the result of a command': {
    place: 'commands.events',
    consumer: 'muster-uplink-commands',
    path: 'cex/result/reboot/1',
    body: { id: 1, statusCode: 200 },
    before: ({ id }) => platform.api('POST', `/devices/${id}/commands`, { type: 'reboot', ttlSeconds: 600 }),
    url: '/commands',
    then: { items: [expect.objectContaining({ status: 'executed', statusCode: 200 })], nextCursor: null },
  },
  'a software report': {
    place: 'firmware.events',
    consumer: 'muster-uplink-firmware',
    path: 'cmx_ota/applied/json/1',
    body: { configId: '1.2.0' },
    url: '/software',
    then: { items: [expect.objectContaining({ reportedVersion: '1.2.0' })], nextCursor: null },
  },
};

describe('a write of a device that its service fails on', () => {
  it.each(Object.entries(WRITES))(
    '(%s) is told, seen, fails again with its reason, and is done when the cause is gone',
    async (_name, { place, consumer, path, body, before, url, then }) => {
      const device = await newDevice();
      await before?.(device);
      await say(device, 'dcx/json', { known: 1 });
      await eventually(async () =>
        JSON.stringify(await get(`/devices/${device.id}/telemetry/latest`)).includes('known'),
      );
      await poison(place, device.id);
      expect(await refusedWith(device, path, body)).toEqual({
        statusCode: 500,
        reasonPhrase: 'internal error',
      });
      const parked = await parkedAt(consumer);
      expect(parked).toMatchObject({ service: 'mqtt-adapter', stream: 'rabbitmq', code: 'internal' });
      expect((await fetch(`${platform.url}/health/ready`)).status).toBe(200);
      expect(await replay(parked)).toMatchObject({ state: 'open', code: 'internal' });
      await cure();
      expect(await replay(parked)).toMatchObject({ state: 'replayed' });
      expect(await get(`/devices/${device.id}${url}`)).toEqual(then);
      expect(await list('state==open;stream==rabbitmq')).toEqual([]);
    },
    60_000,
  );

  it('(a request for an upload token) is told and not parked: its device asks again', async () => {
    const device = await newDevice();
    await poison('firmware.upload_tokens', device.id);
    expect(await refusedWith(device, 'bcx/token/1', {})).toMatchObject({ statusCode: 500 });
    await cure();
    expect(await list('state==open;stream==rabbitmq')).toEqual([]);
  });

  it('(a report of presence) is seen, and the device is connected when it is replayed', async () => {
    const device = await newDevice();
    await poison('device_registry.device_connectivity', device.id);
    const own = await connectAsync(mqttUrl(), { clientId: `poison-own-${process.pid}` });
    clients.push(own);
    await own.publishAsync(topicOf(device, 'dcx/json'), '{"n":1}', { qos: 1 });
    const parked = await parkedAt('mqtt-front-presence');
    expect(await replay(parked)).toMatchObject({ state: 'open', code: 'internal' });
    await cure();
    expect(await replay(parked)).toMatchObject({ state: 'replayed' });
    expect(await get(`/devices/${device.id}`)).toMatchObject({ connectivity: { connected: true } });
  }, 60_000);
});

describe('an event that its consumer fails on', () => {
  /** At each of them it is parked, fails once more when it is replayed, and passes when the cause is gone. */
  const parkAndReplay = async (consumers: readonly string[], reason: RegExp): Promise<void> => {
    const all = await Promise.all(consumers.map((one) => parkedAt(one, EVENT_MS)));
    for (const parked of all) {
      expect(parked.reason).toMatch(reason);
      expect(await replay(parked)).toMatchObject({ state: 'open', tries: 7 });
    }
    await cure();
    await eventually(
      async () => {
        const answer = await platform.api('POST', '/parked/replay', { filter: 'state==open' });
        expect(answer.body).toMatchObject({ failures: [] });
        return (await list('state==open')).length === 0;
      },
      { what: 'everything is replayed', deadlineMs: 30_000 },
    );
    const replayed = await list('state==replayed');
    expect(replayed.map(({ consumer }) => consumer)).toEqual(expect.arrayContaining([...consumers]));
  };
  const softwareOf = async ({ id }: Device) =>
    ((await get(`/devices/${id}/software`)) as { items: Record<string, unknown>[] }).items;

  it('is parked by each service that follows it, and handled by each when the cause is gone', async () => {
    const [changing, leaving, many] = [await newDevice(), await newDevice(), await newDevice('one of many')];
    await say(leaving, 'dcx/json', { n: 1 });
    await eventually(async () => {
      const { items } = (await get(`/devices/${leaving.id}/telemetry/latest`)) as { items: unknown[] };
      return items.length === 1;
    });
    const retired = await platform.api('POST', '/device-types', { name: 'retired' });
    const { id: typeId } = retired.body as { id: string };
    const defaults = await platform.api('PUT', '/device-types/retired/configuration/defaults', { a: 1 });
    expect(defaults.status).toBe(202);
    await eventually(
      async () => ((await get('/jobs?status=success')) as { items: unknown[] }).items.length === 1,
    );
    const tokens = (await get(`/devices/${changing.id}/tokens`)) as { items: { id: string }[] };
    const tokenId = tokens.items[0]?.id ?? '';
    await poison('firmware.endpoint_tokens', tokenId);
    const name = 'poisoned by its name';
    for (const place of ['configuration.known_devices', 'commands.known_devices', 'firmware.known_devices'])
      await poison(place, name);
    await poison('device_registry.device_state', changing.id);
    await poison('device_registry.device_software', changing.id);
    await poison('firmware.device_revocations', changing.id);
    await poison('telemetry.latest_values', leaving.id);
    await poison('configuration.events', typeId);
    // Jobs have no name that is known before: it is every one.
    await poison('campaign_orchestrator.jobs', '');

    await newDevice(name);
    await platform.api('PATCH', `/devices/${changing.id}/configuration/desired`, { interval: 30 });
    await say(changing, 'cmx_ota/applied/json/1', { configId: '2.0.0' });
    await eventually(async () => (await softwareOf(changing)).length === 1);
    const revoked = { status: 'revoked' };
    const path = `/devices/${changing.id}/tokens/${tokenId}`;
    expect((await platform.api('PATCH', path, revoked)).status).toBe(200);
    expect((await platform.api('DELETE', `/devices/${leaving.id}`)).status).toBe(204);
    expect((await platform.api('DELETE', '/device-types/retired')).status).toBe(204);
    const bulk = { target: { filter: 'name=="one of many"' }, desired: { interval: 60 } };
    expect((await platform.api('POST', '/configuration/bulk', bulk)).status).toBe(202);

    const consumers = [
      'configuration-known-devices',
      'commands-known-devices',
      'firmware-known-devices',
      'firmware-endpoint-tokens',
      'firmware-revocations',
      'device-registry-state',
      'device-registry-software',
      'telemetry-deleted-devices',
      'configuration-device-types',
      'campaign-orchestrator-jobs',
    ];
    await parkAndReplay(consumers, /poisoned/);
    expect(await get(`/devices/${many.id}/configuration`)).toMatchObject({
      keys: { interval: { desired: 60 } },
    });
    const { items } = (await get(
      `/devices?filter=${encodeURIComponent('desired.interval==30;software.default==2.0.0')}`,
    )) as { items: { id: string }[] };
    expect(items.map(({ id }) => id)).toEqual([changing.id]);
    // What the job says after its last parked event comes by the ordinary way.
    await eventually(async () => {
      expect(await get('/jobs?kind=configuration-bulk')).toMatchObject({
        items: [{ status: 'success', failed: 0 }],
      });
      return true;
    });
  }, 120_000);

  it('is parked by the adapter that should tell a device, told when the cause is gone, and keeps no other from its own', async () => {
    const [told, other] = [await newDevice(), await newDevice()];
    const got: string[] = [];
    client.on('message', (topic, body) =>
      got.push(`${topic.split('/').slice(2).join('/')} ${body.toString()}`),
    );
    for (const extension of ['cmx', 'cmx_ota', 'cex'])
      await client.subscribeAsync(topicOf(told, `${extension}/#`), { qos: 1 });
    for (const device of [told, other]) {
      await say(device, 'cmx_ota/applied/json/1', { configId: '9.0.0' });
      await eventually(async () => (await softwareOf(device)).length === 1);
    }
    const firmware = await uploadFirmware(platform, '9.0.1', '9.0.0');

    for (const schema of ['configuration', 'firmware']) await spoil(schema, told.id);
    await poison('commands.commands', told.id, 'UPDATE');
    const desired = `/devices/${told.id}/configuration/desired`;
    expect((await platform.api('PATCH', desired, { interval: 30 })).status).toBe(200);
    const command = await platform.api('POST', `/devices/${told.id}/commands`, {
      type: 'reboot',
      ttlSeconds: 600,
    });
    expect(command.status).toBe(201);
    await say(told, 'cmx_ota/applied/json/2', { configId: '8.0.0' });
    await parkedAt('mqtt-adapter-push-software', EVENT_MS);
    expect((await platform.api('PATCH', firmware, { rollout: { strategy: 'general' } })).status).toBe(200);
    await eventually(async () => JSON.stringify(await softwareOf(other)).includes('9.0.1'), {
      what: 'the other device is offered what it may go to',
    });
    await parkAndReplay(
      ['configuration', 'commands', 'software', 'firmware'].map((what) => `mqtt-adapter-push-${what}`),
      /^internal|could not be offered/,
    );
    await eventually(() => got.some((line) => line.startsWith('cmx/') && line.includes('"interval":30')));
    await eventually(() => got.some((line) => line.startsWith('cex/') && line.includes('"id":1')));
    expect(await softwareOf(told)).toMatchObject([{ reportedVersion: '8.0.0' }]);
  }, 120_000);
});
