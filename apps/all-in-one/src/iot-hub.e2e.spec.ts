import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { makeCertificate, type Simulator } from '@muster/iothub-simulator';
import type { Platform } from '@muster/testing';
import { Message } from 'azure-iot-device';
import {
  connectHubDevice,
  openRegistry,
  report,
  startPlatformWithHub,
  told,
  until,
  type PlatformWithHub,
} from './iot-hub.fixture.js';
import { uploadFirmware } from './operator.fixture.js';

let world: PlatformWithHub;
let platform: Platform;
let simulator: Simulator;
let hubId: string;

beforeAll(async () => {
  world = await startPlatformWithHub({ feedback: { maxDelayMs: 100 } });
  ({ platform, simulator } = world);
}, 180_000);

afterEach(() => world.closeClients());

afterAll(() => world.stop());

const hub = (more: object = {}) => ({
  name: 'factory',
  connectionString: simulator.connectionString(),
  ...more,
});

const wrongKey = () =>
  simulator
    .connectionString()
    .replace(/SharedAccessKey=.*/, `SharedAccessKey=${randomBytes(32).toString('base64')}`);

describe('a device of the interface iothub', () => {
  it('is refused while there is no hub for its type', async () => {
    const device = { name: 'too-early', deviceType: 'radiator', interface: 'iothub' };
    expect(await platform.api('POST', '/devices', device)).toMatchObject({
      status: 400,
      body: {
        code: 'invalid-request',
        errors: [
          { path: 'interface', message: expect.stringContaining('no IoT Hub takes devices of this type') },
        ],
      },
    });
  });
});

describe('an IoT Hub', () => {
  it.each([
    ['its key is another', wrongKey, 'does not let us in as policy "iothubowner"'],
    [
      'a right is missing',
      () => simulator.connectionString('registryRead'),
      'has no right RegistryWrite and ServiceConnect',
    ],
    [
      'there is no such host',
      () => simulator.connectionString().replace(/HostName=[^;]*/, 'HostName=no-such-hub.invalid'),
      'there is no host no-such-hub.invalid',
    ],
    [
      'nobody answers',
      () => simulator.connectionString().replace(/HostName=[^;]*/, 'HostName=localhost:1'),
      'localhost:1 does not answer',
    ],
  ])('is refused in words when %s', async (_what, connectionString, words) => {
    expect(
      await platform.api('POST', '/iot-hubs', hub({ connectionString: connectionString() })),
    ).toMatchObject({
      status: 409,
      body: {
        code: 'iot-hub-unusable',
        errors: [{ path: 'connectionString', message: expect.stringContaining(words) }],
      },
    });
  });

  it('is added, without its key in any answer', async () => {
    const added = await platform.api('POST', '/iot-hubs', hub());
    expect(added).toMatchObject({
      status: 201,
      body: { hostName: simulator.hostName, policy: 'iothubowner' },
    });
    hubId = (added.body as { id: string }).id;
    const [, key = ''] = /SharedAccessKey=(.*)$/.exec(simulator.connectionString()) ?? [];
    expect(JSON.stringify(added.body)).not.toContain(key);
    expect(JSON.stringify((await platform.api('GET', '/iot-hubs')).body)).not.toContain(key);
    const tables = await platform.sql('SELECT encode(sealed, $1) AS sealed FROM iothub_adapter.hub_keys', [
      'escape',
    ]);
    expect(JSON.stringify(tables)).not.toContain(key);
    expect(platform.log()).not.toContain(key);
  });

  it('is there once, and its name too', async () => {
    expect(await platform.api('POST', '/iot-hubs', hub())).toMatchObject({ status: 409 });
    expect(await platform.api('POST', '/iot-hubs', hub({ name: 'other' }))).toMatchObject({
      status: 409,
      body: { code: 'iot-hub-exists' },
    });
  });

  it('is tried out when asked, and tells where its events are', async () => {
    expect(await platform.api('POST', `/iot-hubs/${hubId}/check`)).toMatchObject({
      status: 200,
      body: {
        works: true,
        faults: [],
        endpoint: { eventHub: simulator.eventHubName, partitions: ['0', '1', '2', '3'] },
      },
    });
  });

  it('is renamed, and keeps what it is when the other key does not work', async () => {
    expect(await platform.api('PATCH', `/iot-hubs/${hubId}`, { connectionString: wrongKey() })).toMatchObject(
      {
        status: 409,
        body: { code: 'iot-hub-unusable' },
      },
    );
    const never = { 'if-match': '"999999"' };
    expect(await platform.api('PATCH', `/iot-hubs/${hubId}`, {}, never)).toMatchObject({ status: 412 });
    expect(await platform.api('PATCH', `/iot-hubs/${hubId}`, { name: 'plant' })).toMatchObject({
      status: 200,
      body: { name: 'plant', version: 2 },
    });
  });
});

describe('provisioning', () => {
  it('by SAS key: the identity is made, and the device connects with the key that the hub has made', async () => {
    const device = await world.newDevice();
    await world.connect(device);
    await until('it is connected', async () =>
      expect(await world.get(`/devices/${device.id}/connectivity`)).toMatchObject({ connected: true }),
    );
  });

  it('by a self-signed certificate: only the one that is pinned lets it in', async () => {
    const own = await makeCertificate({ commonName: 'own' });
    const other = await makeCertificate({ commonName: 'other' });
    const device = await world.newDevice({
      credential: { kind: 'self-signed', certificate: own.certificate },
    });
    await world.connect(device, { cert: own.certificate, key: own.key });
    await expect(
      connectHubDevice(simulator, device.token, { cert: other.certificate, key: other.key }),
    ).rejects.toThrow();
  });

  it('by either of two self-signed certificates, while one follows the other; not by the one that is taken back', async () => {
    const [first, second] = [
      await makeCertificate({ commonName: 'first' }),
      await makeCertificate({ commonName: 'second' }),
    ];
    const device = await world.newDevice({
      credential: { kind: 'self-signed', certificate: first.certificate },
    });
    const proofOf = ({ certificate: cert, key }: typeof first) => ({ cert, key });
    await world.connect(device, proofOf(first));
    const credentials = `/devices/${device.id}/credentials`;
    const added = { kind: 'self-signed', certificate: second.certificate };
    expect((await platform.api('POST', credentials, added)).status).toBe(201);
    await until('the second lets it in', async () => {
      await world.connect(device, proofOf(second));
    });
    await world.connect(device, proofOf(first));
    const { items } = (await world.get(credentials)) as { items: { id: string; createdAt: string }[] };
    const [oldest] = items.toSorted((a, b) => a.createdAt.localeCompare(b.createdAt));
    const revoked = await platform.api('PATCH', `${credentials}/${oldest?.id ?? ''}`, { status: 'revoked' });
    expect(revoked).toMatchObject({ status: 200 });
    await until('the first lets it in no more', () =>
      expect(connectHubDevice(simulator, device.token, proofOf(first))).rejects.toThrow(),
    );
    await world.connect(device, proofOf(second));
  });

  it('by a certificate that an authority of the hub has signed', async () => {
    const authority = await makeCertificate({ commonName: 'devices', isAuthority: true });
    simulator.addDeviceAuthority(authority.certificate);
    const token = 'signed-device-1';
    const device = await world.newDevice({
      token,
      credential: { kind: 'ca-signed', subject: `CN=${token}` },
    });
    const { certificate: cert, key } = await makeCertificate({ commonName: token, issuer: authority });
    await world.connect(device, { cert, key });
  });

  it('ends with the device: suspended it is let in no more, deleted there is no identity', async () => {
    const device = await world.newDevice();
    await world.inHub(device);
    await platform.api('PATCH', `/devices/${device.id}`, { status: 'suspended' });
    await until('it is not let in', () =>
      expect(connectHubDevice(simulator, device.token)).rejects.toThrow(),
    );
    expect((await platform.api('DELETE', `/devices/${device.id}`)).status).toBeLessThan(300);
    await until('the identity is gone', () => {
      expect(() => simulator.deviceConnectionString(device.token)).toThrow();
      return Promise.resolve();
    });
  });

  it('is made anew when somebody deletes the identity in the hub', async () => {
    const device = await world.newDevice();
    const before = await world.inHub(device);
    await openRegistry(simulator).delete(device.token);
    await until('there is another identity', () => {
      expect(simulator.deviceConnectionString(device.token)).not.toBe(before);
      return Promise.resolve();
    });
  });
});

describe('what a device says', () => {
  it('telemetry is stored with the time at which the hub had it', async () => {
    const device = await world.newDevice();
    const client = await world.connect(device);
    const before = Date.now();
    await client.sendEvent(new Message(JSON.stringify({ temperature: 21.5 })));
    await until('the sample is stored', async () => {
      const body = await world.get(`/devices/${device.id}/telemetry/latest`);
      expect(body).toMatchObject({ items: [{ key: 'temperature', value: 21.5 }] });
      const [item] = (body as { items: { ts: string }[] }).items;
      expect(Date.parse(item?.ts ?? '')).toBeGreaterThanOrEqual(before - 1_000);
    });
  });

  it('reported properties are reported state, nested ones whole', async () => {
    const device = await world.newDevice();
    const twin = await (await world.connect(device)).getTwin();
    await report(twin, { firmware_version: '1.0', network: { ssid: 'one', channel: 6 } });
    await report(twin, { network: { channel: 11 } });
    await until('the state is reported', async () =>
      expect(await world.get(`/devices/${device.id}/configuration`)).toMatchObject({
        keys: {
          firmware_version: { reported: '1.0' },
          network: { reported: { ssid: 'one', channel: 11 } },
        },
      }),
    );
    await report(twin, { firmware_version: null });
    await until('the state is removed', async () =>
      expect(await world.get(`/devices/${device.id}/configuration`)).not.toHaveProperty(
        'keys.firmware_version',
      ),
    );
  });

  it('what it reports is judged by a supervision, as of every device', async () => {
    const device = await world.newDevice();
    const twin = await (await world.connect(device)).getTwin();
    const { status, body } = await platform.api('POST', '/supervisions', {
      name: 'Presses',
      target: { deviceIds: [device.id] },
      expectedStates: { firmware_version: '1.1' },
    });
    expect([status, body]).toEqual([201, body]);
    const path = `/supervisions/${(body as { id: string }).id}`;
    const isJudged = (verdicts: object) =>
      until(`it is judged ${JSON.stringify(verdicts)}`, async () =>
        expect(await world.get(path)).toMatchObject({ verdicts }),
      );
    await isJudged({ unknown: 1 });
    await report(twin, { firmware_version: '1.1' });
    await isJudged({ valid: 1 });
    await report(twin, { firmware_version: '1.0' });
    await isJudged({ invalid: 1 });
  });

  it('how it is connected is followed, both ways', async () => {
    const device = await world.newDevice();
    await world.connect(device);
    const connectivity = () => world.get(`/devices/${device.id}/connectivity`);
    await until('it is connected', async () =>
      expect(await connectivity()).toMatchObject({ connected: true }),
    );
    await world.closeClients();
    await until('it is not connected', async () =>
      expect(await connectivity()).toMatchObject({ connected: false, lastEnded: { reason: 'lost' } }),
    );
  });
});

describe('what a device is told', () => {
  it('its configuration, at once; it says what it made of it', async () => {
    const device = await world.newDevice();
    const twin = await (await world.connect(device)).getTwin();
    const changes: unknown[] = [];
    twin.on('properties.desired.muster', (delta: unknown) => changes.push(delta));
    await until('it is connected', async () =>
      expect(await world.get(`/devices/${device.id}/connectivity`)).toMatchObject({ connected: true }),
    );
    const path = `/devices/${device.id}/configuration`;
    const desired = { interval: 30, network: { 'a.b c': 1 } };
    expect(await platform.api('PATCH', `${path}/desired`, desired)).toMatchObject({ status: 200 });
    await until('the device has it', () => {
      expect(told(twin)?.config).toEqual({ interval: 30, network: { 'a%2Eb%20c': 1 } });
      return Promise.resolve();
    });
    expect(changes.length).toBeGreaterThan(0);
    const { configId } = told(twin) ?? {};
    await report(twin, { muster: { configuration: { configId, statusCode: 200 } } });
    await until('it is in sync', async () =>
      expect(await world.get(path)).toMatchObject({
        syncState: 'in_sync',
        keys: { interval: { reported: 30 } },
      }),
    );

    await platform.api('PUT', `${path}/desired`, { interval: 60 });
    await until('what is gone is gone', () => {
      expect(told(twin)?.config).toEqual({ interval: 60 });
      return Promise.resolve();
    });
    const { configId: second } = told(twin) ?? {};
    await report(twin, {
      muster: { configuration: { configId: second, statusCode: 422, reasonPhrase: 'too slow' } },
    });
    await until('it is rejected', async () =>
      expect(await world.get(path)).toMatchObject({ syncState: 'rejected' }),
    );
  });

  it('the latest, when it comes back; what others have written in its twin stays', async () => {
    const device = await world.newDevice();
    await world.inHub(device);
    await openRegistry(simulator).updateTwin(
      device.token,
      { properties: { desired: { ofOthers: { keep: true } } } },
      '*',
    );
    for (const interval of [1, 2, 3]) {
      await platform.api('PATCH', `/devices/${device.id}/configuration/desired`, { interval });
    }
    const client = await world.connect(device);
    await until('it has the latest', async () => {
      const twin = await client.getTwin();
      expect(twin.properties.desired).toMatchObject({
        ofOthers: { keep: true },
        muster: { configuration: { config: { interval: 3 } } },
      });
    });
  });

  it('the firmware that is to be next, as desired properties; it says what it runs and what it took', async () => {
    const type = { name: 'main', versionKey: 'version', urlKey: 'url', tokenKey: 'token' };
    expect(await platform.api('POST', '/device-types/radiator/firmware-types', type)).toMatchObject({
      status: 201,
    });
    const firmware = await uploadFirmware(platform, '0.0.2', '0.0.1');
    await platform.api('PATCH', firmware, { rollout: { strategy: 'general' } });
    const device = await world.newDevice();
    const client = await world.connect(device);
    const twin = await client.getTwin();
    await report(twin, { muster: { software: { configId: '0.0.1' } } });
    await until('it is offered the next', async () =>
      expect((await client.getTwin()).properties.desired).toMatchObject({
        muster: { software: { configId: '0.0.2', config: { version: '0.0.2', firmwareType: 'main' } } },
      }),
    );
    await report(twin, { muster: { software: { configId: '0.0.2' } } });
    await until('it runs that', async () =>
      expect(await world.get(`/devices/${device.id}/software`)).toMatchObject({
        items: [{ reportedVersion: '0.0.2' }],
      }),
    );
  });

  it('what a twin cannot hold is refused at once; what does not fit beside what others have there, by the adapter', async () => {
    const device = await world.newDevice();
    await world.inHub(device);
    const path = `/devices/${device.id}/configuration/desired`;
    expect(await platform.api('PATCH', path, { text: 'x'.repeat(5_000) })).toMatchObject({
      status: 413,
      body: {
        code: 'configuration-too-large',
        detail: expect.stringContaining('key "text": a text in a twin has at most 4096 bytes'),
      },
    });
    const elsewhere = Object.fromEntries(
      Array.from({ length: 8 }, (_, nth) => [`k${nth}`, 'x'.repeat(4_000)]),
    );
    const registry = openRegistry(simulator);
    await registry.updateTwin(device.token, { properties: { desired: elsewhere } }, '*');
    expect(await platform.api('PATCH', path, { text: 'x'.repeat(4_000) })).toMatchObject({ status: 200 });
    await until('it is rejected', async () =>
      expect(await world.get(`/devices/${device.id}/configuration/history`)).toMatchObject({
        items: expect.arrayContaining([
          expect.objectContaining({
            kind: 'rejected',
            reason: expect.stringContaining('a twin holds at most 32768 bytes of desired properties'),
          }),
        ]),
      }),
    );
  });

  it('a command as a direct method, and its answer is the result', async () => {
    const device = await world.newDevice();
    const client = await world.connect(device);
    client.onDeviceMethod('blink', (request, response) => {
      void response.send(200, { blinked: (request.payload as { times: number }).times });
    });
    const path = `/devices/${device.id}/commands`;
    await until('it is connected', async () =>
      expect(await world.get(`/devices/${device.id}/connectivity`)).toMatchObject({ connected: true }),
    );
    const command = { type: 'blink', payload: { times: 3 }, ttlSeconds: 60, waitSeconds: 30 };
    expect(await platform.api('POST', path, command)).toMatchObject({
      status: 200,
      body: { status: 'executed', statusCode: 200, result: { blinked: 3 } },
    });
  });

  it('a command waits for a device that is away, or ends when its time is over', async () => {
    const device = await world.newDevice();
    await world.inHub(device);
    const path = `/devices/${device.id}/commands`;
    const give = async (type: string, ttlSeconds: number) =>
      ((await platform.api('POST', path, { type, ttlSeconds })).body as { id: string }).id;
    const short = await give('late', 1);
    const long = await give('blink', 600);
    await until('it has expired', async () =>
      expect(await world.get(`${path}/${short}`)).toMatchObject({ status: 'expired' }),
    );
    const client = await world.connect(device);
    const called: string[] = [];
    for (const type of ['late', 'blink']) {
      client.onDeviceMethod(type, (request, response) => {
        called.push(request.methodName);
        void response.send(200, null);
      });
    }
    await until('it is executed', async () =>
      expect(await world.get(`${path}/${long}`)).toMatchObject({ status: 'executed' }),
    );
    expect(called).toEqual(['blink']);
  });

  it('a command as a message while it is away, if it says that it takes them; its result comes as a message', async () => {
    const device = await world.newDevice();
    await report(await (await world.connect(device)).getTwin(), { muster: { commands: 'messages' } });
    await world.closeClients();
    const path = `/devices/${device.id}/commands`;
    const command = { type: 'blink', payload: { times: 3 }, ttlSeconds: 600 };
    const { id } = (await platform.api('POST', path, command)).body as { id: string };
    await until('the hub has it', async () =>
      expect(
        await platform.sql('SELECT type, number FROM iothub_adapter.hub_messages WHERE hub_device_id = $1', [
          device.token,
        ]),
      ).toEqual([{ type: 'blink', number: 1 }]),
    );
    expect(await world.get(`${path}/${id}`)).toMatchObject({ status: 'pending' });

    const client = await world.connect(device);
    const messages: Message[] = [];
    const called: string[] = [];
    client.onDeviceMethod('blink', (request, response) => {
      called.push(request.methodName);
      void response.send(200, null);
    });
    client.on('message', (message: Message) => {
      messages.push(message);
      void client.complete(message);
    });
    await until('the device has it, and that is known', async () =>
      expect(await world.get(`${path}/${id}`)).toMatchObject({ status: 'sent' }),
    );
    const [message] = messages;
    expect(message?.properties.getValue('muster-resource')).toBe('cex/command/blink');
    expect(JSON.parse(message?.getBytes().toString() ?? '')).toEqual([{ id: 1, payload: { times: 3 } }]);

    const result = new Message(JSON.stringify([{ id: 1, statusCode: 200, payload: { blinked: 3 } }]));
    result.properties.add('muster-resource', 'cex/result/blink');
    await client.sendEvent(result);
    await until('it is executed', async () =>
      expect(await world.get(`${path}/${id}`)).toMatchObject({ status: 'executed', result: { blinked: 3 } }),
    );
    expect(messages).toHaveLength(1);
    expect(called).toEqual([]);
  }, 60_000);
});

describe('after a kill', () => {
  it('everything that the hub had taken is stored, once', async () => {
    const device = await world.newDevice();
    const client = await world.connect(device);
    const sent = 200;
    for (let nth = 0; nth < sent; nth += 1) {
      await client.sendEvent(new Message(JSON.stringify({ nth })));
      if (nth === sent / 2) await platform.kill9();
    }
    await platform.restart();
    const stored = async () => {
      const [row] = await platform.sql(
        'SELECT count(*)::integer AS n FROM telemetry.samples WHERE device_id = $1',
        [device.id],
      );
      return row?.['n'];
    };
    await until('all are stored', async () => expect(await stored()).toBe(sent));
  }, 120_000);
});

describe('a hub whose key cannot be had', () => {
  it('is still ours: nothing of it is forgotten, and it is read again when there is one', async () => {
    const known = () =>
      platform.sql('SELECT partition_id FROM iothub_adapter.hub_partitions WHERE hub_id = $1 ORDER BY 1', [
        hubId,
      ]);
    const partitions = await known();
    expect(partitions).not.toEqual([]);
    const device = await world.newDevice();
    const client = await world.connect(device);
    // As after the key of the installation was lost; a hub is opened anew when its version is another.
    const change = async (sealed: string, by: number): Promise<void> => {
      await platform.sql(`UPDATE iothub_adapter.hub_keys SET sealed = ${sealed} WHERE hub_id = $1`, [hubId]);
      await platform.sql('UPDATE iothub_adapter.hubs SET version = version + $2 WHERE id = $1', [hubId, by]);
    };
    await platform.sql('CREATE TABLE iothub_adapter.kept AS SELECT * FROM iothub_adapter.hub_keys');
    await change(`'no key'`, 1);
    await until('it is not read', () => {
      expect(platform.log()).toContain('are not read while its key cannot be had');
      return Promise.resolve();
    });
    await client.sendEvent(new Message(JSON.stringify({ afterwards: 1 })));
    expect(await known()).toEqual(partitions);
    await change('(SELECT sealed FROM iothub_adapter.kept k WHERE k.hub_id = $1)', -1);
    await platform.sql('DROP TABLE iothub_adapter.kept');
    await until('what came meanwhile is stored', async () =>
      expect(await world.get(`/devices/${device.id}/telemetry/latest`)).toMatchObject({
        items: [{ key: 'afterwards', value: 1 }],
      }),
    );
  }, 60_000);
});

describe('a hub that is removed', () => {
  it('leaves nothing of itself, not even by who was just reading it or noting what it shall have', async () => {
    const device = await world.newDevice();
    await world.inHub(device);
    const tables = await platform.sql(
      `SELECT table_name AS name FROM information_schema.columns
       WHERE table_schema = 'iothub_adapter' AND column_name = 'hub_id'`,
    );
    const filled = async () => {
      const counted = tables.map(
        ({ name }) =>
          `SELECT '${String(name)}' AS name FROM iothub_adapter.${String(name)} WHERE hub_id = $1`,
      );
      const rows = await platform.sql(counted.join(' UNION '), [hubId]);
      return rows.map(({ name }) => name);
    };
    expect(await filled()).toEqual(
      expect.arrayContaining(['hub_partitions', 'hub_links', 'hub_messages', 'hub_identities', 'hub_keys']),
    );
    // As who reads it and renews a claim before it sees that the hub is gone.
    await platform.sql(
      `CREATE FUNCTION iothub_adapter.claim_late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         INSERT INTO iothub_adapter.hub_partitions (hub_id, source, partition_id) VALUES (OLD.id, 'late', '0');
         RETURN NULL;
       END $$;
       CREATE CONSTRAINT TRIGGER claim_late AFTER DELETE ON iothub_adapter.hubs DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE FUNCTION iothub_adapter.claim_late()`,
    );
    // As who found the hub for a device, and has not written that yet.
    await platform.sql(
      `CREATE FUNCTION iothub_adapter.note_late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         PERFORM pg_sleep(2);
         RETURN NEW;
       END $$;
       CREATE TRIGGER note_late BEFORE INSERT ON iothub_adapter.hub_identities
         FOR EACH ROW EXECUTE FUNCTION iothub_adapter.note_late()`,
    );
    const late = async () =>
      (await platform.sql(`SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'`)).length;
    await platform.api('PATCH', `/devices/${device.id}`, { status: 'suspended' });
    await until('it is being noted', async () => expect(await late()).toBe(1));
    expect(await platform.api('DELETE', `/iot-hubs/${hubId}`)).toMatchObject({ status: 204 });
    await until('nobody reads or notes it', async () => {
      expect(platform.log()).toContain('the events of an IoT Hub are not read any more');
      expect(await late()).toBe(0);
    });
    expect(await filled()).toEqual([]);
  });
});
