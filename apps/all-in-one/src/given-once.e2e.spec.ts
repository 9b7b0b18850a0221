import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, mosquittoSub, mqttUrl, startPlatform, type Platform } from '@muster/testing';
import mqtt, { type MqttClient } from 'mqtt';

/** What a device is sent arrives once, and not after it has ended: with the sessions of real clients. */
interface Device {
  readonly id: string;
  readonly token: string;
  readonly appVersion: string;
}

let platform: Platform;
let made = 0;

beforeAll(async () => {
  platform = await startPlatform();
  const created = await platform.api('POST', '/device-types', { name: 'engine' });
  expect(created.status).toBe(201);
}, 60_000);

afterEach(async () => {
  for (const sleeper of awake) await sleeper.end();
  awake.clear();
});

afterAll(async () => {
  await platform.stop();
});

/** That nothing more comes shows only by waiting: longer than anything here takes. */
const A_WHILE_MS = 1_500;
/** Longer than what was asked for takes to be tried. */
const A_MOMENT_MS = 500;

const newDevice = async (deviceType = 'engine'): Promise<Device> => {
  made += 1;
  const created = await platform.api('POST', '/devices', { name: `engine-${made}`, deviceType });
  expect(created.status).toBe(201);
  return created.body as Device;
};
const topic = ({ appVersion, token }: Device, path: string): string => {
  const [extension = '', ...rest] = path.split('/');
  return ['kp1', appVersion, extension, token, ...rest].join('/');
};
const command = async (device: Device, more: object = {}): Promise<string> => {
  const asked = { type: 'reboot', ttlSeconds: 600, ...more };
  const created = await platform.api('POST', `/devices/${device.id}/commands`, asked);
  expect(created.status).toBe(201);
  return (created.body as { id: string }).id;
};
const commandOf = async (device: Device, id: string) =>
  (await platform.api('GET', `/devices/${device.id}/commands/${encodeURIComponent(id)}`)).body as {
    status: string;
    late?: boolean;
  };
const statusOf = async (device: Device, id: string): Promise<string> => (await commandOf(device, id)).status;
const cancel = async (device: Device, id: string): Promise<void> => {
  const path = `/devices/${device.id}/commands/${encodeURIComponent(id)}`;
  expect((await platform.api('DELETE', path)).status).toBe(204);
};
const setDesired = async (device: Device, desired: object): Promise<string> => {
  const changed = await platform.api('PATCH', `/devices/${device.id}/configuration/desired`, desired);
  expect(changed.status).toBe(200);
  return (changed.body as { configId: string }).configId;
};
/** What was wanted of it has been pushed, to nobody: that push does not come when the device is there. */
const wasPushed = ({ id }: Device) =>
  eventually(
    async () => {
      const { body } = await platform.api('GET', `/devices/${id}/configuration/history`);
      return (body as { items: { kind: string }[] }).items.some(({ kind }) => kind === 'dispatched');
    },
    { what: 'the push of the change is on record' },
  );
const hasLeft = (device: Device) =>
  eventually(
    async () => {
      const { body } = await platform.api('GET', `/devices/${device.id}`);
      return !(body as { connectivity: { connected: boolean } }).connectivity.connected;
    },
    { what: 'the device is seen to have left' },
  );

const awake = new Set<Sleeper>();

/** A client that keeps its session: mqtt.js, which does not subscribe again when it comes back to it. */
class Sleeper {
  readonly got: string[] = [];
  private client: MqttClient | undefined;

  constructor(
    readonly device: Device,
    private readonly clientId = `sleeper-${device.id}`,
  ) {}

  async wake(...paths: string[]): Promise<MqttClient> {
    awake.add(this);
    const client = mqtt.connect(mqttUrl(), { clientId: this.clientId, clean: false, reconnectPeriod: 0 });
    this.client = client;
    // Before it is connected: what is queued comes with the connection.
    client.on('message', (to, body) => {
      this.got.push(`${to.split('/').slice(4).join('/')} ${body.toString()}`);
    });
    await new Promise((resolve) => client.once('connect', resolve));
    // Who is known by a token alone is given its session when it has said whose it is.
    await client.publishAsync(topic(this.device, 'dcx/json'), '{"awake":1}', { qos: 1 });
    for (const path of paths) await client.subscribeAsync(topic(this.device, path), { qos: 1 });
    return client;
  }

  async rest(): Promise<void> {
    await this.client?.endAsync();
    await hasLeft(this.device);
  }

  /** Its session would stay in the broker. */
  async end(): Promise<void> {
    if (this.client?.connected === true) await this.client.endAsync();
    await (await mqtt.connectAsync(mqttUrl(), { clientId: this.clientId, clean: true })).endAsync();
  }
}

/** Five devices at the same time: what goes wrong only now and then shows. */
const fiveTimes = (one: () => Promise<void>) => (): Promise<unknown> =>
  Promise.all(Array.from({ length: 5 }, one));

/** The same one after another: mosquitto_sub subscribes a moment after it has come back, and that moment must be short. */
const fiveTurns = (one: () => Promise<void>) => async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await one();
};

describe('a client that comes back to its session', () => {
  it(
    'finds what is outstanding once, and nothing that has ended (mqtt.js)',
    fiveTimes(async () => {
      const device = await newDevice();
      const sleeper = new Sleeper(device);
      await sleeper.wake('cex/#');
      await sleeper.rest();
      const short = await command(device, { ttlSeconds: 1 });
      const cancelled = await command(device);
      const kept = await command(device);
      await cancel(device, cancelled);
      await eventually(async () => (await statusOf(device, short)) === 'expired');
      expect(await statusOf(device, kept)).toBe('pending');
      await sleeper.wake();
      await eventually(() => sleeper.got.length > 0);
      await sleep(A_WHILE_MS);
      expect(sleeper.got).toEqual(['command/reboot/status [{"id":3}]']);
      expect(await statusOf(device, kept)).toBe('sent');
    }),
  );

  it(
    'does so with mosquitto_sub, which subscribes anew each time',
    fiveTurns(async () => {
      const device = await newDevice();
      const session = ['-c', '-i', `mosquitto-${device.id}`, '-q', '1', '-F', '%p', '-V', '311'];
      const open = () => mosquittoSub([...session, '-t', topic(device, 'cex/#')]);
      await (await open()).stop();
      await hasLeft(device);
      const cancelled = await command(device);
      await command(device);
      await cancel(device, cancelled);
      // What is being sent at the moment of a return may come twice.
      await sleep(A_MOMENT_MS);
      const inbox = await open();
      await inbox.line(() => true);
      await sleep(A_WHILE_MS);
      expect(inbox.lines()).toEqual(['[{"id":2}]']);
      await inbox.stop();
      awake.add(new Sleeper(device, `mosquitto-${device.id}`));
    }),
  );

  it('is given again what its last connection had been given and not answered', async () => {
    const device = await newDevice();
    const sleeper = new Sleeper(device);
    await sleeper.wake('cex/#');
    await command(device);
    await eventually(() => sleeper.got.length > 0);
    await sleeper.rest();
    await sleeper.wake();
    await eventually(() => sleeper.got.length > 1);
    await sleep(A_WHILE_MS);
    expect(sleeper.got).toEqual(Array(2).fill('command/reboot/status [{"id":1}]'));
  });

  it('finds the latest document, once, and none of those in between', async () => {
    const device = await newDevice();
    const sleeper = new Sleeper(device);
    await sleeper.wake('cmx/#');
    await sleeper.rest();
    for (const interval of [1, 2]) await setDesired(device, { interval });
    const configId = await setDesired(device, { interval: 3 });
    await eventually(async () => {
      const { body } = await platform.api('GET', `/devices/${device.id}/configuration/history`);
      const { items } = body as { items: readonly { configId?: string }[] };
      return items.some(
        (one) => one.configId === configId && JSON.stringify(one).includes('"subscriber":false'),
      );
    });
    await sleeper.wake();
    await eventually(() => sleeper.got.length > 0);
    await sleep(A_WHILE_MS);
    expect(sleeper.got).toEqual([expect.stringContaining(configId)]);
  });

  it('is not delivered what has expired, also when it was put there while nobody knew of the session', async () => {
    const device = await newDevice();
    const sleeper = new Sleeper(device);
    await sleeper.wake('cex/#');
    await sleeper.rest();
    // Until what the broker told of it is dealt with: it would be told again.
    await sleep(A_WHILE_MS);
    await platform.kill9();
    await platform.restart();
    const short = await command(device, { ttlSeconds: 2 });
    await command(device);
    // Put into the session's queue: nothing that runs has seen its client leave.
    await eventually(async () => (await statusOf(device, 'reboot:2')) === 'sent');
    await eventually(async () => (await statusOf(device, short)) === 'expired');
    await sleeper.wake();
    await eventually(() => sleeper.got.length > 0);
    await sleep(A_WHILE_MS);
    expect(sleeper.got).toEqual(['command/reboot/status [{"id":2}]']);
  }, 60_000);

  it('has its answer to a cancelled command taken, and kept as late', async () => {
    const device = await newDevice();
    const sleeper = new Sleeper(device);
    const client = await sleeper.wake('cex/#');
    const id = await command(device);
    await eventually(() => sleeper.got.length > 0);
    await cancel(device, id);
    await client.publishAsync(topic(device, 'cex/result/reboot/7'), '[{"id":1,"statusCode":200}]', {
      qos: 1,
    });
    await eventually(() => sleeper.got.includes('result/reboot/7/status '));
    expect(await commandOf(device, id)).toMatchObject({ status: 'cancelled', late: true, statusCode: 200 });
  });
});

describe('a client that subscribes and asks to observe', () => {
  const countOf = (got: readonly string[]): number => got.join().split('"id":1').length - 1;

  it(
    'at once has each command once',
    fiveTimes(async () => {
      const device = await newDevice();
      await command(device);
      const sleeper = new Sleeper(device);
      const client = await sleeper.wake('cex/command/reboot/#');
      await client.publishAsync(topic(device, 'cex/command/reboot/1'), '{"observe":true}', { qos: 1 });
      await eventually(() => sleeper.got.some((line) => line.startsWith('command/reboot/1/status ')));
      await sleep(A_WHILE_MS);
      expect(sleeper.got.filter((line) => countOf([line]) > 0)).toHaveLength(1);
    }),
  );

  it('later has what it was pushed left out, unless it asks for all', async () => {
    const device = await newDevice();
    await command(device);
    const sleeper = new Sleeper(device);
    const client = await sleeper.wake('cex/command/reboot/#');
    await eventually(() => countOf(sleeper.got) === 1);
    await eventually(async () => (await statusOf(device, 'reboot:1')) === 'sent');
    const ask = (id: number, body: string) =>
      client.publishAsync(topic(device, `cex/command/reboot/${id}`), body, { qos: 1 });
    await ask(1, '{"observe":true}');
    await eventually(() => sleeper.got.includes('command/reboot/1/status []'));
    await ask(2, '{}');
    await eventually(() => sleeper.got.includes('command/reboot/2/status [{"id":1}]'));
  });
});

describe('a client that asks first and subscribes afterwards', () => {
  /** As libraries do it that subscribe for each request: what it says, and where it listens, one after the other. */
  const askThenListen = async (
    device: Device,
    asks: readonly [path: string, payload: string][],
    to: string,
  ) => {
    const client = await mqtt.connectAsync(mqttUrl(), { reconnectPeriod: 0 });
    const got: string[] = [];
    client.on('message', (from, body) => {
      got.push(`${from.split('/').slice(4).join('/')} ${body.toString()}`);
    });
    for (const [path, payload] of asks) await client.publishAsync(topic(device, path), payload, { qos: 1 });
    // The answers are there before anybody listens.
    await sleep(100);
    await client.subscribeAsync(topic(device, to), { qos: 0 });
    await eventually(() => got.length >= asks.length, { what: 'the answers' });
    await sleep(A_WHILE_MS);
    await client.endAsync();
    return got;
  };

  it('has its answers, twenty of twenty, also where others were subscribed before to something else', async () => {
    const monitored = await newDevice();
    const monitor = await mosquittoSub(['-V', '311', '-t', topic(monitored, 'cmx/#')]);
    const all = await Promise.all(
      Array.from({ length: 20 }, async (_, n) => {
        const device = n === 0 ? monitored : await newDevice();
        return askThenListen(device, [[`dcx/json/${n}`, `{"n":${n}}`]], 'dcx/json/+/status');
      }),
    );
    await monitor.stop();
    expect(all).toEqual(Array.from({ length: 20 }, (_, n) => [`json/${n}/status `]));
  });

  it('has what it is told is wrong, by the platform and by the door', async () => {
    const device = await newDevice();
    const asks: [string, string][] = [
      ['dcx/json/1', '{"n":'],
      ['dcx/nothing/2', '{}'],
    ];
    const got = await askThenListen(device, asks, 'dcx/#');
    expect(got.map((line) => line.split(' ')[0]).sort()).toEqual(['json/1/error', 'nothing/2/error']);
  });

  it('has its document and its commands by the answer, and not once more for having subscribed', async () => {
    const device = await newDevice();
    const configId = await setDesired(device, { interval: 1 });
    await command(device);
    await wasPushed(device);
    const asks: [string, string][] = [
      ['cmx/config/json/1', '{"observe":true}'],
      ['cex/command/reboot/2', '{"observe":true}'],
    ];
    const got = await askThenListen(device, asks, '+/#');
    expect(got.sort()).toEqual(['command/reboot/2/status [{"id":1}]', expect.stringContaining(configId)]);
  });
});

describe('a device whose type wants all to be delivered without SUBSCRIBE', () => {
  beforeAll(async () => {
    const settings = { deliverWithoutSubscribe: true };
    const created = await platform.api('POST', '/device-types', { name: 'telepath', settings });
    expect([created.status, (created.body as { settings: object }).settings]).toEqual([201, settings]);
  });

  /** Connects, says something, and listens; `filters` is what it subscribes to besides. */
  const listen = async (device: Device, ...filters: string[]) => {
    const client = await mqtt.connectAsync(mqttUrl(), { reconnectPeriod: 0 });
    const got: string[] = [];
    client.on('message', (from, body) => {
      got.push(`${from.split('/').slice(4).join('/')} ${body.toString()}`);
    });
    await client.publishAsync(topic(device, 'dcx/json/1'), '{"n":1}');
    for (const filter of filters) await client.subscribeAsync(filter, { qos: 0 });
    return { client, got };
  };

  const changes = async (device: Device) => {
    const before = await setDesired(device, { interval: 1 });
    await command(device);
    await wasPushed(device);
    return before;
  };

  it('is answered and pushed to, each thing once, and sees no echo of its own', async () => {
    const device = await newDevice('telepath');
    const before = await changes(device);
    const { client, got } = await listen(device);
    await eventually(() => got.length === 3, { what: 'what waited for it' });
    const after = await setDesired(device, { interval: 2 });
    await command(device);
    await client.publishAsync(topic(device, 'bcx/token'), '');
    await client.publishAsync(topic(device, 'cmx/applied/json'), '[]');
    await eventually(() => got.length >= 7, { what: 'what came since' });
    await sleep(A_WHILE_MS);
    await client.endAsync();
    expect(got.map((line) => line.split(' ')[0]).sort()).toEqual(
      [
        ...['json/1/status', 'config/json/status', 'command/reboot/status'],
        ...['config/json/status', 'command/reboot/status', 'token/status', 'applied/json/error'],
      ].sort(),
    );
    for (const configId of [before, after])
      expect(got.filter((line) => line.includes(configId))).toHaveLength(1);
  });

  it('has nothing twice for having subscribed as well, by whatever filter', async () => {
    const device = await newDevice('telepath');
    await changes(device);
    const filters = ['cmx/config/json/status', 'cex/command/+/status', '+/#'].map((path) =>
      topic(device, path),
    );
    const { client, got } = await listen(device, ...filters);
    await eventually(() => got.length >= 3);
    await setDesired(device, { interval: 2 });
    await client.publishAsync(topic(device, 'dcx/json/2'), '{"n":2}');
    await client.unsubscribeAsync(filters);
    await command(device);
    await eventually(() => got.some((line) => line.includes('"id":2')));
    await sleep(A_WHILE_MS);
    await client.endAsync();
    const fromPlatform = got.map((line) => line.split(' ')[0]).filter((path) => path?.endsWith('/status'));
    expect(fromPlatform.sort()).toEqual(
      [
        ...['json/1/status', 'json/2/status', 'config/json/status', 'config/json/status'],
        ...['command/reboot/status', 'command/reboot/status'],
      ].sort(),
    );
  });

  it('is so from its next topic on when its type is changed, and no more when it connects after that was put back', async () => {
    const made = await platform.api('POST', '/device-types', { name: 'convert' });
    const { id } = made.body as { id: string };
    const edit = async (deliverWithoutSubscribe: boolean | null) => {
      const settings = { deliverWithoutSubscribe };
      expect((await platform.api('PATCH', `/device-types/${id}`, { settings })).status).toBe(200);
    };
    const device = await newDevice('convert');
    const { client, got } = await listen(device);
    await sleep(A_WHILE_MS);
    expect(got).toEqual([]);
    await edit(true);
    const isAnswered = async () => {
      await client.publishAsync(topic(device, 'dcx/json/2'), '{"n":2}');
      return got.length > 0;
    };
    await eventually(isAnswered, { what: 'an answer without a subscription' });
    await client.endAsync();
    await edit(null);
    const isSilent = async () => {
      const again = await listen(device);
      await sleep(A_WHILE_MS);
      await again.client.endAsync();
      return again.got.length === 0;
    };
    await eventually(isSilent, { what: 'no answer without a subscription' });
  });

  it('is not said to have what was pushed while nobody was there', async () => {
    const device = await newDevice('telepath');
    const { client, got } = await listen(device);
    await eventually(() => got.length === 1);
    await client.endAsync();
    await hasLeft(device);
    await changes(device);
    await eventually(async () => {
      const { body } = await platform.api('GET', `/devices/${device.id}/configuration/history`);
      return JSON.stringify(body).includes('"subscriber":false');
    });
    expect(await statusOf(device, 'reboot:1')).toBe('pending');
    const back = await listen(device);
    await eventually(() => back.got.length === 3);
    await back.client.endAsync();
  });
});
