import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  eventually,
  mosquittoPub,
  mosquittoRr,
  mosquittoSub,
  startPlatform,
  type ApiAnswer,
  type MosquittoSubscription,
  mqttUrl,
  type Platform,
} from '@muster/testing';
import { connectAsync } from 'mqtt';

interface Device {
  readonly id: string;
  readonly token: string;
  readonly appVersion: string;
}

interface Configuration {
  readonly version: number;
  readonly configId: string;
  readonly syncState: string;
  readonly keys: Record<string, { desired?: unknown; reported?: unknown; inSync: boolean }>;
}

let platform: Platform;
let devices = 0;
let inboxes: MosquittoSubscription[] = [];

beforeAll(async () => {
  platform = await startPlatform();
  const type = await platform.api('POST', '/device-types', { name: 'radiator' });
  expect(type.status).toBe(201);
}, 60_000);

afterEach(async () => {
  await Promise.all(inboxes.map((inbox) => inbox.stop()));
  inboxes = [];
});

afterAll(async () => {
  await platform.stop();
});

const subscribe = async (...topics: readonly string[]): Promise<MosquittoSubscription> => {
  const inbox = await mosquittoSub(['-V', '311', '-q', '1', ...topics.flatMap((one) => ['-t', one])]);
  inboxes.push(inbox);
  return inbox;
};

const newDevice = async (): Promise<Device> => {
  devices += 1;
  const created = await platform.api('POST', '/devices', {
    name: `radiator-${devices}`,
    deviceType: 'radiator',
  });
  expect(created.status).toBe(201);
  return created.body as Device;
};

const topic = (device: Device, rest: string): string =>
  `kp1/${device.appVersion}/${rest.replace('{token}', device.token)}`;

/** Publishes and waits for the answer on `/status` or `/error`: its payload. */
const request = async (to: string, payload: string, answer: 'status' | 'error'): Promise<string> => {
  const sent = payload === '' ? ['-n'] : ['-m', payload];
  const result = await mosquittoRr([
    '-V',
    '311',
    '-W',
    '10',
    '-e',
    `${to}/${answer}`,
    '-t',
    to,
    '-q',
    '1',
    ...sent,
  ]);
  expect(result).toMatchObject({ code: 0 });
  return result.stdout.trim();
};

const configurationOf = async (device: Device): Promise<Configuration> =>
  (await platform.api('GET', `/devices/${device.id}/configuration`)).body as Configuration;

const setDesired = async (device: Device, desired: object): Promise<ApiAnswer> =>
  platform.api('PATCH', `/devices/${device.id}/configuration/desired`, desired);

interface HistoryItem {
  readonly kind: string;
  readonly configId: string;
  readonly subscriber?: boolean;
}

const historyOf = async (device: Device): Promise<HistoryItem[]> => {
  const { body } = await platform.api('GET', `/devices/${device.id}/configuration/history`);
  return (body as { items: HistoryItem[] }).items;
};

const pushed = (lines: readonly string[]): { configId: string; config: unknown }[] =>
  lines.map((line) => JSON.parse(line) as { configId: string; config: unknown });

describe('telemetry, from a device to the API', () => {
  it('stores a sample and answers on /status with nothing, because there is nothing to say', async () => {
    const device = await newDevice();
    const answer = await request(
      topic(device, 'dcx/{token}/json/1'),
      '{\n  "temperature": 21,\n  "humidity": 73\n}',
      'status',
    );
    expect(answer).toBe('');
    // Answered after the commit: no waiting here.
    const latest = await platform.api('GET', `/devices/${device.id}/telemetry/latest`);
    expect(latest).toMatchObject({
      status: 200,
      body: { items: expect.arrayContaining([expect.objectContaining({ key: 'temperature', value: 21 })]) },
    });
  });

  it('stores a batch under the times the samples carry', async () => {
    const device = await newDevice();
    const batch = [
      { ts: '2019-04-26T15:41:07+0000', temperature: 21, location: { lat: 34.1340258, lon: -118.3238652 } },
      { ts: '2019-04-26T16:41:07+0000', temperature: 21.5, location: { lat: 34.1340258, lon: -118.3238652 } },
    ];
    await request(topic(device, 'dcx/{token}/json/42'), JSON.stringify(batch), 'status');
    const range = 'from=2019-04-26T00:00:00Z&to=2019-04-27T00:00:00Z&keys=temperature';
    const history = await platform.api('GET', `/devices/${device.id}/telemetry?${range}`);
    expect(history.body).toEqual({
      series: [
        {
          key: 'temperature',
          points: [
            ['2019-04-26T15:41:07.000Z', 21],
            ['2019-04-26T16:41:07.000Z', 21.5],
          ],
        },
      ],
      nextCursor: null,
    });
  });

  it('keeps a message sent without request id, and stays quiet about it', async () => {
    const device = await newDevice();
    const sent = await mosquittoPub(['-t', topic(device, 'dcx/{token}/json'), '-m', '{"n":1}', '-q', '1']);
    expect(sent.code).toBe(0);
    await eventually(
      async () => {
        const { body } = await platform.api('GET', `/devices/${device.id}/telemetry/latest?keys=n`);
        expect(body).toMatchObject({ items: [{ key: 'n', value: 1 }] });
        return true;
      },
      { what: 'the sample is stored' },
    );
  });
});

describe('what is wrong is said', () => {
  it('with 400 for a payload that is no JSON', async () => {
    const device = await newDevice();
    const error = await request(topic(device, 'dcx/{token}/json/7'), '{"temperature": 21', 'error');
    expect(JSON.parse(error)).toEqual({ statusCode: 400, reasonPhrase: expect.stringMatching(/JSON/) });
  });

  it('with 413 for a payload of 2 MB, naming the limit', async () => {
    const device = await newDevice();
    const to = topic(device, 'dcx/{token}/json/8');
    const errors = await subscribe(`${to}/error`);
    const payload = JSON.stringify({ blob: 'x'.repeat(2_000_000) });
    const sent = await mosquittoPub(['-V', '311', '-t', to, '-q', '1', '-s'], { stdin: payload });
    expect(sent.code).toBe(0);
    const error = await errors.line(() => true);
    expect(JSON.parse(error)).toEqual({ statusCode: 413, reasonPhrase: expect.stringMatching(/262144/) });
  });

  it('with 404 for a resource that does not exist', async () => {
    const device = await newDevice();
    const error = await request(topic(device, 'dxc/{token}/jsn/9'), '{}', 'error');
    expect(JSON.parse(error)).toEqual({ statusCode: 404, reasonPhrase: expect.stringMatching(/resource/i) });
  });

  it.each(['suspended', 'revoked'])(
    'in the log, to a device whose token is %s, which gets nowhere',
    async (status) => {
      const device = await newDevice();
      await request(topic(device, 'dcx/{token}/json/1'), '{"before":1}', 'status');
      const tokens = (await platform.api('GET', `/devices/${device.id}/tokens`)).body as {
        items: { id: string }[];
      };
      const changed = await platform.api(
        'PATCH',
        `/devices/${device.id}/tokens/${tokens.items[0]?.id ?? ''}`,
        { status },
      );
      expect(changed.status).toBe(200);
      await eventually(
        async () => {
          const args = ['-V', '311', '-t', topic(device, 'dcx/{token}/json'), '-m', '{"after":1}', '-q', '1'];
          await mosquittoPub(args, { deadlineMs: 3_000 });
          return platform.log().includes(`endpoint token is ${status}`);
        },
        { what: 'the refusal is logged', deadlineMs: 20_000 },
      );
      expect(platform.log()).not.toContain(device.token);
    },
    40_000,
  );

  it('in the log, to a client with an unknown token, which gets nowhere', async () => {
    const device = await newDevice();
    const sent = await mosquittoPub([
      '-V',
      '311',
      '-t',
      `kp1/${device.appVersion}/dcx/stranger-token/json`,
      '-m',
      '{}',
      '-q',
      '1',
    ]);
    expect(sent.code).toBe(0);
    await eventually(() => /unknown/i.test(platform.log()) && /stra/.test(platform.log()), {
      what: 'the refusal is logged',
    });
    expect(platform.log()).not.toContain('stranger-token');
  });
});

describe('configuration, from an operator to a device and back', () => {
  it('reaches a subscribed device as one whole document and is confirmed by it', async () => {
    const device = await newDevice();
    const inbox = await subscribe(topic(device, 'cmx/{token}/config/json/status'));
    await setDesired(device, { interval: 60 });
    const changed = await setDesired(device, { mode: { eco: true } });
    expect(changed).toMatchObject({
      status: 200,
      body: { syncState: expect.stringMatching(/pending|dispatched/) },
    });

    const { configId } = changed.body as Configuration;
    await inbox.line((line) => line.includes(configId));
    expect(pushed(inbox.lines()).at(-1)).toMatchObject({
      configId,
      config: { interval: 60, mode: { eco: true } },
    });
    await eventually(async () => (await configurationOf(device)).syncState === 'dispatched', {
      what: 'the dispatch is recorded',
    });

    await request(topic(device, 'cmx/{token}/applied/json/3'), JSON.stringify({ configId }), 'status');
    const now = await configurationOf(device);
    expect(now).toMatchObject({ syncState: 'in_sync', configId });
    expect(now.keys['interval']).toMatchObject({ desired: 60, reported: 60, inSync: true });

    expect((await historyOf(device)).map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['desired', 'dispatched', 'applied']),
    );
  });

  it('reaches a device that was away once, with the latest, when it subscribes', async () => {
    const device = await newDevice();
    await setDesired(device, { interval: 1 });
    await setDesired(device, { interval: 2 });
    const last = (await setDesired(device, { interval: 3 })).body as Configuration;
    await eventually(
      async () =>
        (await historyOf(device)).some(
          ({ kind, configId, subscriber }) =>
            kind === 'dispatched' && configId === last.configId && subscriber === false,
        ),
      {
        what: 'it is known that nobody listened',
      },
    );
    const inbox = await subscribe(topic(device, 'cmx/{token}/config/json/status'));
    await inbox.line((line) => line.includes(last.configId));
    await request(
      topic(device, 'cmx/{token}/applied/json/1'),
      JSON.stringify({ configId: last.configId }),
      'status',
    );
    expect(pushed(inbox.lines())).toEqual([
      expect.objectContaining({ configId: last.configId, config: { interval: 3 } }),
    ]);
  });

  it('is told to a device that asks, and "not changed" to one that has it', async () => {
    const device = await newDevice();
    const { configId } = (await setDesired(device, { interval: 5 })).body as Configuration;
    const to = topic(device, 'cmx/{token}/config/json/1');
    expect(JSON.parse(await request(to, '{"observe": false}', 'status'))).toEqual({
      id: 1,
      configId,
      config: { interval: 5 },
      statusCode: 200,
      reasonPhrase: 'ok',
    });
    expect(JSON.parse(await request(to, JSON.stringify({ configId }), 'status'))).toEqual({
      id: 1,
      statusCode: 304,
      reasonPhrase: 'Not changed',
    });
    expect(await configurationOf(device)).toMatchObject({ syncState: 'in_sync' });
  });

  it('shows why a device refused it, and leaves what was reported alone', async () => {
    const device = await newDevice();
    const { configId } = (await setDesired(device, { interval: -1 })).body as Configuration;
    const refusal = { configId, statusCode: 422, reasonPhrase: 'interval must be positive' };
    await request(topic(device, 'cmx/{token}/applied/json/1'), JSON.stringify(refusal), 'status');
    expect(await configurationOf(device)).toMatchObject({
      syncState: 'rejected',
      rejection: { statusCode: 422, reasonPhrase: 'interval must be positive' },
      keys: { interval: { desired: -1, inSync: false } },
    });
  });

  it('refuses an edit of something that changed since it was read', async () => {
    const device = await newDevice();
    await setDesired(device, { interval: 5 });
    const read = await platform.api('GET', `/devices/${device.id}/configuration`);
    const etag = read.headers.get('etag') ?? '';
    await setDesired(device, { interval: 6 });
    const stale = await platform.api(
      'PATCH',
      `/devices/${device.id}/configuration/desired`,
      { interval: 7 },
      { 'if-match': etag },
    );
    expect(stale).toMatchObject({ status: 412, body: { code: 'version-mismatch' } });
  });
});

describe('the services, killed while telemetry flows', () => {
  it('lose nothing that was acknowledged and store nothing twice', async () => {
    const device = await newDevice();
    // Twice the burst of a device: more would take as long as its pace says.
    const count = 1_000;
    const client = await connectAsync(mqttUrl(), { clientId: `killed-${device.id}` });
    try {
      const to = topic(device, 'dcx/{token}/json');
      // With a time of its own: mqtt.js sends again without DUP, and only by its time is a sample known to be the same.
      const since = Date.now() - count;
      const publish = (n: number) =>
        client.publishAsync(to, JSON.stringify({ n, ts: since + n }), { qos: 1 });
      const first = Array.from({ length: count / 2 }, (_, n) => publish(n));
      await first[100];
      await platform.kill9(); // some stored, some in flight between the services, some still in the queue
      const second = Array.from({ length: count / 2 }, (_, n) => publish(count / 2 + n));
      await platform.restart();
      // What the door had not acknowledged when it died, the client sends again.
      await Promise.all([...first, ...second]);
    } finally {
      await client.endAsync();
    }
    await eventually(
      async () => {
        const { body } = await platform.api('GET', `/devices/${device.id}/telemetry?keys=n&limit=10000`);
        const { series } = body as { series: { points: [string, number][] }[] };
        const stored = (series[0]?.points ?? []).map(([, n]) => n).sort((a, b) => a - b);
        expect(stored).toEqual(Array.from({ length: count }, (_, n) => n));
        return true;
      },
      { what: 'every sample is stored once', deadlineMs: 30_000 },
    );
  }, 90_000);
});
