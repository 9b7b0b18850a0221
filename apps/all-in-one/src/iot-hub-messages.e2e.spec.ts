import { request } from 'node:https';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { makeSasToken, type Simulator } from '@muster/iothub-simulator';
import type { Platform } from '@muster/testing';
import type { Client, Message } from 'azure-iot-device';
import {
  openRegistry,
  report,
  startPlatformWithHub,
  until,
  type HubDevice,
  type PlatformWithHub,
} from './iot-hub.fixture.js';

const HOUR_MS = 3_600_000;
/** Before a hub gives up. */
const DELIVERIES = 2;
/** Of a message for a command that is wanted for longer: the hub's two days, and an hour less for clocks that differ. */
const KEPT_MS = 47 * HOUR_MS;

let world: PlatformWithHub;
let platform: Platform;
let simulator: Simulator;
/** The hub's clock, before ours. */
let advancedMs = 0;

beforeAll(async () => {
  world = await startPlatformWithHub({
    feedback: { maxDelayMs: 100 },
    c2d: { maxDeliveryCount: DELIVERIES },
  });
  ({ platform, simulator } = world);
  const hub = { name: 'factory', connectionString: simulator.connectionString(), tier: 'S3' };
  expect(await platform.api('POST', '/iot-hubs', hub)).toMatchObject({ status: 201 });
}, 180_000);

afterEach(async () => {
  simulator.faults.clear();
  simulator.setQuotas(undefined);
  await world.closeClients();
});

afterAll(() => world.stop());

const advance = (ms: number): void => {
  simulator.advanceTime(ms);
  advancedMs += ms;
};

/** One that is away, and has said before that it takes messages. */
const messageTaker = async (): Promise<HubDevice> => {
  const device = await world.newDevice();
  const client = await world.connect(device);
  await report(await client.getTwin(), { muster: { commands: 'messages' } });
  await client.close();
  return device;
};

const command = async ({ id }: HubDevice, ttlSeconds = 600): Promise<string> => {
  const path = `/devices/${id}/commands`;
  const { status, body } = await platform.api('POST', path, { type: 'blink', ttlSeconds });
  expect([status, body]).toEqual([201, body]);
  return `${path}/${(body as { id: string }).id}`;
};

/** What the hub keeps for it, by the service SDK. */
const waiting = async ({ token }: HubDevice): Promise<number> =>
  Number((await openRegistry(simulator).get(token)).responseBody.cloudToDeviceMessageCount);

/** Which of our notes of messages are of these devices; another one where a message was sent anew. */
const notes = async (devices: readonly HubDevice[]): Promise<readonly unknown[]> => {
  const sql =
    'SELECT xmin::text AS note FROM iothub_adapter.hub_messages WHERE hub_device_id = ANY($1) AND in_hub';
  return (await platform.sql(sql, [devices.map(({ token }) => token)])).map(({ note }) => note);
};

const untilInHub = (...devices: readonly HubDevice[]): Promise<true> =>
  until('the hub has the messages', async () => expect(await notes(devices)).toHaveLength(devices.length));

/** Another service empties the queue of a device, for which Microsoft's SDK for Node.js has no call. */
const purge = ({ token }: HubDevice): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const [host = '', port] = simulator.hostName.split(':');
    const [, key = ''] = /SharedAccessKey=(.*)$/.exec(simulator.connectionString('service')) ?? [];
    const path = `/devices/${token}/commands?api-version=2021-04-12`;
    const authorization = makeSasToken(host, key, Date.now() + 60_000, 'service');
    const options = {
      host,
      port,
      path,
      method: 'DELETE',
      ca: simulator.authority,
      headers: { authorization },
    };
    request(options, (answer) => answer.resume().on('end', () => resolve(answer.statusCode)))
      .on('error', reject)
      .end();
  });

const takeMessages = (client: Client): Message[] => {
  const messages: Message[] = [];
  client.on('message', (message: Message) => {
    messages.push(message);
    void client.complete(message);
  });
  return messages;
};

describe('a command that a hub has as a message', () => {
  it('fails with the words of the hub when the device rejects it', async () => {
    const device = await messageTaker();
    const path = await command(device);
    await untilInHub(device);
    expect(simulator.rejectMessage(device.token)).toBe(true);
    await until('it has failed', async () =>
      expect(await world.get(path)).toMatchObject({
        status: 'failed',
        statusCode: 422,
        reasonPhrase: 'the IoT Hub says of the message: Message rejected',
      }),
    );
    expect(await waiting(device)).toBe(0);
  });

  it('fails so, too, when the words come before it is noted that the hub has the message', async () => {
    const device = await messageTaker();
    const path = await command(device);
    await untilInHub(device);
    await platform.sql('UPDATE iothub_adapter.hub_messages SET in_hub = false WHERE hub_device_id = $1', [
      device.token,
    ]);
    expect(simulator.rejectMessage(device.token)).toBe(true);
    await until('it has failed', async () =>
      expect(await world.get(path)).toMatchObject({ status: 'failed', statusCode: 422 }),
    );
  });

  it('fails when somebody empties the queue of the device', async () => {
    const device = await messageTaker();
    const path = await command(device);
    await untilInHub(device);
    expect(await purge(device)).toBe(200);
    await until('it has failed', async () =>
      expect(await world.get(path)).toMatchObject({ status: 'failed', statusCode: 410 }),
    );
  });

  it('fails when the device breaks down on it each time', async () => {
    const device = await messageTaker();
    const path = await command(device);
    await untilInHub(device);
    for (let delivery = 1; delivery <= DELIVERIES; delivery += 1) {
      const client = await world.connect(device);
      // The SDK acknowledges when the handler has run; the connection is cut before.
      const got = new Promise<void>((resolve) => {
        client.on('message', () => {
          simulator.dropDevice(device.token);
          resolve();
        });
      });
      await got;
      await client.close();
    }
    await until('it has failed', async () =>
      expect(await world.get(path)).toMatchObject({ status: 'failed', statusCode: 500 }),
    );
  });
});

describe('a hub that is narrow', () => {
  it('and lets nobody send just now is sent the message when it does', async () => {
    const device = await messageTaker();
    simulator.dropAmqp();
    const refusal = { address: 'devicebound', condition: 'com.microsoft:server-busy', times: 1 };
    simulator.faults.add({ kind: 'attach-error', ...refusal });
    await command(device);
    await until('it was refused', async () => expect(simulator.faults.list()).toEqual([]));
    await untilInHub(device);
  });

  it('is sent the messages of all commands, though it says that it has too much', async () => {
    const fleet = await Promise.all([1, 2, 3, 4, 5].map(messageTaker));
    // We are told S3 and may send 83 a second; the hub takes two, and then two in each minute of its clock.
    simulator.setQuotas({ tier: 'S1', scale: 0.02 });
    const paths = await Promise.all(fleet.map((device) => command(device, 7_200)));
    await until('the hub has two', async () => expect(await notes(fleet)).toHaveLength(2));
    await until(
      'the hub has all',
      async () => {
        advance(20_000);
        expect(await notes(fleet)).toHaveLength(fleet.length);
      },
      50_000,
    );
    simulator.setQuotas(undefined);
    const messages = (await Promise.all(fleet.map((device) => world.connect(device)))).map(takeMessages);
    for (const path of paths) {
      await until('it is sent', async () => expect(await world.get(path)).toMatchObject({ status: 'sent' }));
    }
    expect(messages.map(({ length }) => length)).toEqual(fleet.map(() => 1));
  }, 120_000);

  it('calls every device by direct method, though it says that it has too much', async () => {
    const fleet = await Promise.all([1, 2, 3, 4, 5, 6].map(() => world.newDevice()));
    const called: string[] = [];
    for (const device of fleet) {
      const client = await world.connect(device);
      client.onDeviceMethod('blink', (_request, response) => {
        called.push(device.id);
        void response.send(200, null);
      });
    }
    await until('they are connected', async () => {
      for (const { id } of fleet)
        expect(await world.get(`/devices/${id}/connectivity`)).toMatchObject({ connected: true });
    });
    // One a second.
    simulator.setQuotas({ tier: 'S1', scale: 0.025 });
    const paths = await Promise.all(fleet.map((device) => command(device)));
    for (const path of paths) {
      await until('it is executed', async () =>
        expect(await world.get(path)).toMatchObject({ status: 'executed' }),
      );
    }
    expect(called.sort()).toEqual(fleet.map(({ id }) => id).sort());
  }, 60_000);
});

/** The hub's clock does not come back: last of all. */
describe('a command that is wanted for longer than a hub keeps messages', () => {
  it('is sent once more when the hub keeps it no longer and it is still wanted', async () => {
    const device = await messageTaker();
    const path = await command(device, 7 * 24 * 3_600);
    await untilInHub(device);
    const [first] = await notes([device]);
    // By its own clock it has kept this one for its time, but for some seconds, and will keep the next one for as long.
    advance(KEPT_MS - 4_000 - advancedMs);
    await until('it is another message', async () => {
      const [now] = await notes([device]);
      expect([undefined, first]).not.toContain(now);
    });
    const messages = takeMessages(await world.connect(device));
    await until('the device has it', async () =>
      expect(await world.get(path)).toMatchObject({ status: 'sent' }),
    );
    expect(JSON.parse(messages[0]?.getBytes().toString() ?? '')).toMatchObject([{ id: 1 }]);
  });
});
