import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  brokerMqttUrl,
  eventually,
  freePort,
  mosquittoPub,
  mosquittoRr,
  mosquittoSub,
} from '@muster/testing';
import { generate, parser, type IConnackPacket, type Packet } from 'mqtt-packet';
import mqtt from 'mqtt';
import { startFrontRun, type FrontRun } from './running-front.fixture.js';

/** Real RabbitMQ, real clients. */
let run: FrontRun;
beforeAll(async () => {
  run = await startFrontRun();
}, 60_000);
afterAll(() => run.stop());

const sockets: Socket[] = [];
afterAll(() => {
  for (const socket of sockets) socket.destroy();
});

/** A client that says what a library would not. */
const raw = async (...packets: (Packet | Buffer)[]) => {
  const socket = connect({ port: run.port(), host: '127.0.0.1' });
  sockets.push(socket);
  socket.on('error', () => undefined);
  const received: Packet[] = [];
  const reader = parser({ protocolVersion: 4 });
  reader.on('packet', (packet) => received.push(packet));
  socket.on('data', (bytes) => reader.parse(bytes));
  await once(socket, 'connect');
  const send = (...more: (Packet | Buffer)[]): void => {
    for (const one of more) socket.write(Buffer.isBuffer(one) ? one : generate(one));
  };
  send(...packets);
  return { socket, received, send, closed: () => eventually(() => socket.closed, { what: 'it is closed' }) };
};
const hello = (clientId = 'raw', more: Partial<Packet> = {}): Packet =>
  ({
    ...{ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, clientId, keepalive: 0 },
    ...more,
  }) as Packet; // what a spec changes on purpose need not be a packet
const publish = (topic: string, more: Partial<Packet> = {}): Packet =>
  ({
    ...{ cmd: 'publish', topic, payload: '{"a":1}', qos: 0, dup: false, retain: false, messageId: 1 },
    ...more,
  }) as Packet;
const at = (): readonly string[] => ['-h', '127.0.0.1', '-p', String(run.port())];
const arrived = (token: string) => run.arrived.filter(({ routingKey }) => routingKey.includes(token));

describe('a client without credentials', () => {
  it('publishes and is answered, with mosquitto and with a new request id each time', async () => {
    const { token } = run.newDevice();
    const topic = `kp1/radiator-v1/dcx/${token}/json`;
    for (const id of [1, 2, 3]) {
      const { code, stderr } = await mosquittoPub([
        ...at(),
        ...['-q', '1', '-t', `${topic}/${id}`, '-m', `{"n":${id}}`],
      ]);
      expect([code, stderr]).toEqual([0, '']);
    }
    await eventually(() => arrived(token).length === 3);
    expect(arrived(token)).toEqual(
      [1, 2, 3].map((id) => ({
        routingKey: `kp1.radiator-v1.dcx.${token}.json.${id}`,
        body: `{"n":${id}}`,
        arrivedAt: expect.any(Number),
        isDuplicate: false,
        qos: 1,
      })),
    );
  });

  it('has its telemetry stamped with the time at the door, no two alike, and is sent it back as it was', async () => {
    const { token } = run.newDevice();
    const topic = `kp1/radiator-v1/dcx/${token}/json`;
    const client = await run.client({ clientId: 'hears-itself' });
    const heard: string[] = [];
    client.on('message', (_topic, body) => heard.push(body.toString()));
    await client.subscribeAsync(topic, { qos: 1 });
    const before = Date.now() * 1_000;
    for (const n of [1, 2, 3]) client.publish(topic, `{"n":${n}}`, { qos: 1 });
    await client.publishAsync(`kp1/radiator-v1/epmx/${token}/get`, '', { qos: 1 });
    await eventually(() => arrived(token).length === 4 && heard.length === 3);
    expect(heard).toEqual(['{"n":1}', '{"n":2}', '{"n":3}']);
    const stamps = arrived(token).flatMap(({ arrivedAt }) => arrivedAt ?? []);
    expect(stamps).toHaveLength(3);
    expect(stamps.toSorted((a, b) => a - b)).toEqual([...new Set(stamps)]);
    expect(Math.min(...stamps)).toBeGreaterThanOrEqual(before);
    expect(Math.max(...stamps)).toBeLessThanOrEqual(Date.now() * 1_000 + 1_000);
    await client.endAsync();
  });

  it('need not wait for its CONNACK before it sends on, large packets too', async () => {
    const { token } = run.newDevice();
    const topic = `kp1/radiator-v1/dcx/${token}/json`;
    const payload = JSON.stringify({ text: 'x'.repeat(200_000) });
    const client = await raw(
      Buffer.concat([generate(hello('hasty')), generate(publish(topic, { payload, qos: 1 }))]),
    );
    await eventually(() => client.received.some(({ cmd }) => cmd === 'puback'));
    await eventually(() => arrived(token).length === 1);
    expect(arrived(token)[0]?.body).toBe(payload);
  });

  it('publishes with QoS 0 and leaves at once', async () => {
    const { token } = run.newDevice();
    const topic = `kp1/radiator-v1/dcx/${token}/json`;
    const { code, stderr } = await mosquittoPub([...at(), '-t', topic, '-m', '{"n":0}']);
    expect([code, stderr]).toEqual([0, '']);
    await eventually(() => arrived(token).length === 1);
    expect(arrived(token)[0]?.qos).toBe(0);
  });

  it('is sent what it has subscribed to', async () => {
    const { token } = run.newDevice();
    const topic = `kp1/radiator-v1/cmx/${token}/config/json/status`;
    const subscription = await mosquittoSub([...at(), '-v', '-q', '1', '-t', topic]);
    run.push(topic.replaceAll('/', '.'), '{"id":1}');
    expect(await subscription.line((line) => line.startsWith(topic))).toBe(`${topic} {"id":1}`);
    await subscription.stop();
  });

  it('has its session kept by its device and its own id', async () => {
    const { token } = run.newDevice();
    const topic = `kp1/radiator-v1/cmx/${token}/config/json/status`;
    const options = { clientId: 'sleeper', clean: false };
    const client = await run.client(options);
    await client.subscribeAsync(topic, { qos: 1 });
    await client.endAsync();
    run.push(topic.replaceAll('/', '.'), '{"id":2}');
    // The same client id with another token: nothing of the session is shown.
    const other = run.newDevice();
    const thief = await run.client(options);
    const stolen: string[] = [];
    thief.on('message', (_topic, body) => stolen.push(body.toString()));
    await thief.subscribeAsync(`kp1/radiator-v1/cmx/${other.token}/config/json/status`, { qos: 1 });
    await thief.endAsync();
    const back = await run.client(options);
    const message = new Promise<string>((resolve) =>
      back.once('message', (_topic, bytes) => resolve(bytes.toString())),
    );
    await back.publishAsync(`kp1/radiator-v1/dcx/${token}/json`, '{"here":1}', { qos: 1 });
    expect(await message).toBe('{"id":2}');
    expect(stolen).toEqual([]);
  });

  it('is told in words what its topic is refused for, once, and may go on', async () => {
    const { token } = run.newDevice();
    const client = await raw(
      hello('words'),
      publish('kp1/radiator-v1/dcx/nobody-knows-this/json/1', { qos: 1, messageId: 7 }),
      publish(`kp1/radiator-v9/dcx/${token}/json`, { qos: 1, messageId: 8 }),
      publish(`kp1/radiator-v1/dcx/${token}/json/1a`, { qos: 1, messageId: 9 }),
      publish('elsewhere/entirely', { qos: 1, messageId: 10 }),
      publish(`kp1/radiator-v1/dcx/${token}/json`, { qos: 1, messageId: 11 }),
    );
    await eventually(() => client.received.some((one) => one.cmd === 'puback' && one.messageId === 11));
    const answers = client.received.flatMap((one) =>
      one.cmd === 'publish'
        ? [[one.topic, (JSON.parse(one.payload.toString()) as { statusCode: number }).statusCode]]
        : [],
    );
    expect(answers).toEqual([
      ['kp1/radiator-v1/dcx/nobody-knows-this/json/1/error', 401],
      [`kp1/radiator-v9/dcx/${token}/json/error`, 404],
      [`kp1/radiator-v1/dcx/${token}/json/1a/error`, 404],
      ['elsewhere/entirely/error', 404],
    ]);
    expect(client.received.flatMap((one) => (one.cmd === 'puback' ? [one.messageId] : []))).toEqual([
      7, 8, 9, 10, 11,
    ]);
    // Its own is told to all who are subscribed as well, as mqtt-adapter does.
    await eventually(() => arrived(token).length === 2);
    // RabbitMQ 3.10 has a channel for QoS 0 and one for QoS 1, and keeps no order between them.
    expect(arrived(token).toSorted((one, other) => one.qos - other.qos)).toEqual([
      expect.objectContaining({ body: expect.stringContaining('unknown resource') }),
      expect.objectContaining({ routingKey: `kp1.radiator-v1.dcx.${token}.json` }),
    ]);
  });

  it('is not granted filters that are not its own, and gets the others', async () => {
    const { token } = run.newDevice();
    const client = await run.client();
    const granted = await client
      .subscribeAsync(
        ['kp1/+/dcx/+/json', `kp1/radiator-v1/+/${token}/#`, 'kp1/radiator-v1/dcx/unknown-token/#', '#'].map(
          (topic) => topic,
        ),
        { qos: 2 },
      )
      .catch((error: unknown) => error);
    // mqtt.js tells a refused filter as a failure of all of them.
    expect(granted).toBeInstanceOf(Error);
    const line = await raw(hello('filters'), {
      cmd: 'subscribe',
      messageId: 3,
      subscriptions: [
        { topic: 'kp1/+/dcx/+/json', qos: 0 },
        { topic: `kp1/radiator-v1/+/${token}/#`, qos: 2 },
        { topic: 'kp1/radiator-v1/dcx/unknown-token/#', qos: 1 },
        { topic: '#', qos: 1 },
      ],
    });
    const suback = await eventually(() => line.received.find((one) => one.cmd === 'suback'));
    expect(suback).toMatchObject({ messageId: 3, granted: [0x80, 1, 0x80, 0x80] });
  });

  it('is ended when its token is suspended, within two seconds', async () => {
    const device = run.newDevice();
    const client = await raw(
      hello('revoked'),
      publish(`kp1/radiator-v1/dcx/${device.token}/json`, { qos: 1 }),
    );
    await eventually(() => client.received.some((one) => one.cmd === 'puback'));
    const entry = run.world.entries.find(({ token }) => token === device.token);
    if (entry === undefined) throw new Error('no such device');
    entry.tokenStatus = 'suspended';
    await run.services.tokenChanged(device.id);
    await eventually(() => client.socket.closed, { deadlineMs: 2_000, what: 'it is ended' });
  });
});

describe('a will', () => {
  const topicOf = (token: string) => `kp1/radiator-v1/dcx/${token}/json`;
  const leaving = (clientId: string, token: string, payload: string) =>
    hello(clientId, {
      will: { topic: topicOf(token), payload: Buffer.from(payload), qos: 1, retain: false },
    });
  const gone = '{"gone":1}';

  it('is published of a client that has said nothing else, and not of one that takes its leave', async () => {
    const [cut, polite] = [run.newDevice(), run.newDevice()];
    const client = await raw(leaving('will-alone', cut.token, gone));
    await eventually(() => client.received.some(({ cmd }) => cmd === 'connack'));
    const other = await raw(leaving('will-not', polite.token, gone), { cmd: 'disconnect' });
    await other.closed();
    client.socket.destroy();
    await eventually(() => arrived(cut.token).length > 0, { what: 'the will' });
    expect(arrived(cut.token)).toMatchObject([{ body: gone, qos: 1 }]);
    expect(arrived(polite.token)).toEqual([]);
  });

  it('is not published of a client whose token is taken back; to have it there is enough to be ended', async () => {
    const [taken, sentinel] = [run.newDevice(), run.newDevice()];
    const client = await raw(leaving('will-revoked', taken.token, gone));
    await eventually(() => client.received.some(({ cmd }) => cmd === 'connack'));
    const entry = run.world.entries.find(({ token }) => token === taken.token);
    if (entry === undefined) throw new Error('no such device');
    entry.tokenStatus = 'suspended';
    await run.services.tokenChanged(taken.id);
    await eventually(() => client.socket.closed, { deadlineMs: 2_000, what: 'it is ended' });
    // By the same way, and later: where that one is, the other would be.
    const after = await raw(leaving('will-after', sentinel.token, gone));
    await eventually(() => after.received.some(({ cmd }) => cmd === 'connack'));
    after.socket.destroy();
    await eventually(() => arrived(sentinel.token).length > 0);
    expect(arrived(taken.token)).toEqual([]);
  });
});

describe('sessions that are kept', () => {
  beforeAll(() => run.restart({ MUSTER_MQTT_SESSIONS_PER_DEVICE: '2', MUSTER_MQTT_FILTERS_PER_CLIENT: '3' }));
  afterAll(() => run.restart());

  /** Comes, subscribes, leaves; the codes, and whether there was a session. */
  const visit = async (clientId: string, token: string, ...paths: string[]) => {
    const client = await raw(
      hello(clientId, { clean: false }),
      publish(`kp1/radiator-v1/dcx/${token}/json`, { qos: 1 }),
      {
        cmd: 'subscribe',
        messageId: 3,
        subscriptions: paths.map((path) => ({
          topic: `kp1/radiator-v1/cmx/${token}/${path}`,
          qos: 1 as const,
        })),
      },
    );
    const suback = await eventually(() => client.received.find((one) => one.cmd === 'suback'));
    client.send({ cmd: 'disconnect' });
    await client.closed();
    return suback.granted;
  };

  it('are subscribed to no more than a client may be, however often it comes back', async () => {
    const { token } = run.newDevice();
    expect(await visit('again', token, 'a', 'b')).toEqual([1, 1]);
    expect(await visit('again', token, 'b', 'c', 'd')).toEqual([1, 1, 0x80]);
    expect(await visit('another', token, 'd')).toEqual([1]);
  });

  it('are no more than a device may have: the one ends whose client was here longest ago', async () => {
    const { token } = run.newDevice();
    for (const clientId of ['one', 'two', 'three']) await visit(clientId, token, 'x');
    const topic = `kp1/radiator-v1/cmx/${token}/x`;
    const kept = async (clientId: string): Promise<string[]> => {
      const client = await run.client({ clientId, clean: false });
      const got: string[] = [];
      client.on('message', (_topic, body) => got.push(body.toString()));
      const ended = new Promise<void>((resolve) => client.once('close', () => resolve()));
      await Promise.race([
        client.publishAsync(`kp1/radiator-v1/dcx/${token}/json`, '{}', { qos: 1 }),
        ended.then(() => Promise.reject(new Error('ended with its session'))),
      ]);
      await eventually(() => got.length > 0, { deadlineMs: 500 }).catch(() => undefined);
      await client.endAsync();
      return got;
    };
    run.push(topic.replaceAll('/', '.'), '{"to":"all"}');
    expect(await eventually(() => kept('one'))).toEqual([]);
    expect(await kept('three')).toEqual(['{"to":"all"}']);
  });
});

/** Only where the broker speaks it: RabbitMQ 4. */
describe('a client of MQTT 5', () => {
  const topicOf = (token: string): string => `kp1/radiator-v1/dcx/${token}/json`;

  it('sends with QoS 2 and whatever properties, of which no broker has to make anything', async () => {
    if (!run.isBrokerFive) return;
    const { token } = run.newDevice();
    const client = await run.client({ protocolVersion: 5 });
    const userProperties = { ['k'.repeat(300)]: 'v', 'x-mqtt-dup': 'true' };
    const properties = { userProperties, contentType: 'c'.repeat(400), correlationData: Buffer.alloc(400) };
    await client.publishAsync(topicOf(token), '{"a":1}', { qos: 2, properties });
    await client.publishAsync(topicOf(token), '{"a":2}', {
      qos: 1,
      properties: { messageExpiryInterval: 1 },
    });
    await eventually(() => arrived(token).length === 2);
  });

  it('has its will published after the delay that it has asked for', async () => {
    if (!run.isBrokerFive) return;
    const { token } = run.newDevice();
    const will = {
      topic: topicOf(token),
      payload: Buffer.from('{"gone":1}'),
      qos: 1,
      retain: false,
    } as const;
    const client = await run.client({
      ...{ protocolVersion: 5, properties: { sessionExpiryInterval: 60 } },
      will: { ...will, properties: { willDelayInterval: 1 } },
    });
    const began = performance.now();
    client.stream.destroy();
    await eventually(() => arrived(token).length === 1);
    expect(performance.now() - began).toBeGreaterThan(900);
  });

  it('is not sent what is larger than it takes', async () => {
    if (!run.isBrokerFive) return;
    const { token } = run.newDevice();
    const client = await run.client({ protocolVersion: 5, properties: { maximumPacketSize: 64 } });
    const told: string[] = [];
    client.on('message', (topic) => told.push(topic));
    await client.publishAsync(`kp1/radiator-v1/dcx/${'of-nobody'.repeat(5)}/json`, '{}', { qos: 1 });
    await client.publishAsync(topicOf(token), '{}', { qos: 1 });
    await eventually(() => arrived(token).length === 1);
    expect(told).toEqual([]);
  });
});

describe('QoS 2', () => {
  it('ends well with libmosquitto, and arrives once', async () => {
    const { token } = run.newDevice();
    const { code, stderr } = await mosquittoPub([
      ...at(),
      ...['-q', '2', '-t', `kp1/radiator-v1/dcx/${token}/json`, '-m', '{"a":2}'],
    ]);
    expect([code, stderr]).toEqual([0, '']);
    await eventually(() => arrived(token).length === 1);
  });

  it('is not sent again when it is repeated before PUBREL', async () => {
    const { token } = run.newDevice();
    const one = publish(`kp1/radiator-v1/dcx/${token}/json`, { qos: 2, messageId: 5 });
    const client = await raw(hello('twice'), one, { ...one, dup: true } as Packet);
    await eventually(() => client.received.filter(({ cmd }) => cmd === 'pubrec').length >= 1);
    client.send({ ...one, dup: true } as Packet, { cmd: 'pubrel', messageId: 5 });
    await eventually(() => client.received.some(({ cmd }) => cmd === 'pubcomp'));
    expect(arrived(token)).toHaveLength(1);
    client.send({ ...one, dup: true } as Packet);
    await eventually(() => arrived(token).length === 2);
    expect(arrived(token)).toMatchObject([{ isDuplicate: false }, { isDuplicate: true }]);
  });
});

describe('a client that does not keep to the rules', () => {
  it.each([
    ['garbage', [Buffer.from('SSH-2.0-x\r\n')]],
    ['something before CONNECT', [publish('kp1/a/b/c/d')]],
    ['a second CONNECT', [hello(), hello()]],
    ['a wildcard to publish to', [hello(), publish('kp1/radiator-v1/dcx/+/json')]],
    ['a topic of 300 bytes', [hello(), publish(`kp1/radiator-v1/dcx/${'x'.repeat(280)}/json`)]],
    // A CONNECT of 60 MB is announced; 20 bytes of it come.
    ['a CONNECT that is too large', [Buffer.from([0x10, 0x80, 0x8e, 0xce, 0x1c, 0, 4, 77, 81, 84, 84])]],
    ['a packet of type 15', [hello(), Buffer.from([0xf0, 0])]],
    ['an UNSUBSCRIBE without filters', [hello(), Buffer.from([0xa2, 2, 0, 1])]],
  ])('is ended: %s', async (_what, packets) => {
    const client = await raw(...packets);
    await client.closed();
  });

  it('gets nothing past the door in a packet that says less than it holds', async () => {
    const [{ token }, victim] = [run.newDevice(), run.newDevice()];
    const own = `kp1/radiator-v1/dcx/${token}/json`;
    const hidden = generate(publish(`kp1/radiator-v1/dcx/${victim.token}/json`, { payload: '{"hidden":1}' }));
    const client = await raw(hello('smuggler'), publish(own));
    await eventually(() => arrived(token).length === 1);
    // QoS 1 without a packet identifier. Written again, it lacks that and the stamp of its arrival: 11 bytes.
    client.send(Buffer.concat([Buffer.from([0x32, own.length + 2, 0, own.length]), Buffer.from(own)]));
    await raw(hello('in between'));
    // 11 bytes, and 0x30: the head of a PUBLISH.
    const acknowledge = (messageId: number): Packet => ({ cmd: 'puback', messageId });
    client.send(acknowledge(1), acknowledge(1), acknowledge(0x30));
    // Its length, a topic of five bytes, and some of its payload.
    const subscriptions = [{ topic: `kp1/radiator-v1/dcx/${token}/x`, qos: 0 }] as const;
    const subscribe = generate({ cmd: 'subscribe', messageId: 5, subscriptions: [...subscriptions] });
    const rest = 2 + 128 * (subscribe[1] ?? 0) - (subscribe.length - 2);
    const other = `kp1/radiator-v1/epmx/${token}/update/keys`;
    const payload = Buffer.concat([Buffer.alloc(rest - other.length - 5), hidden]);
    client.send(subscribe, publish(other, { payload }));
    await client.closed();
    expect(arrived(victim.token)).toEqual([]);
  });

  it('is told which version is spoken here, and that an empty id has no session', async () => {
    const five = await mosquittoPub([...at(), '-V', '5', '-t', 'kp1/a/b/c/d', '-m', 'x']);
    const said = `${five.stdout}${five.stderr}`;
    if (run.isBrokerFive) expect([five.code, said]).toEqual([0, '']);
    else expect(said).toMatch(/Unsupported protocol version/i);
    // The codec would not write it.
    const empty = await raw(Buffer.from([0x10, 12, 0, 4, 77, 81, 84, 84, 4, 0, 0, 60, 0, 0]));
    const connack = await eventually(() => empty.received.find(({ cmd }) => cmd === 'connack'));
    expect((connack as IConnackPacket).returnCode).toBe(2);
    await empty.closed();
  });

  it('may not leave a will where it may not publish', async () => {
    const { token } = run.newDevice();
    const refused = await raw(
      hello('will', {
        will: { topic: 'kp1/radiator-v1/dcx/of-another/json', payload: '{}', qos: 1, retain: false },
      }),
    );
    const connack = await eventually(() => refused.received.find(({ cmd }) => cmd === 'connack'));
    expect((connack as IConnackPacket).returnCode).toBe(5);
    const client = await raw(
      hello('will-2', {
        will: { topic: `kp1/radiator-v1/dcx/${token}/json`, payload: '{"gone":1}', qos: 2, retain: true },
      }),
      publish(`kp1/radiator-v1/dcx/${token}/json`, { qos: 1 }),
    );
    await eventually(() => client.received.some(({ cmd }) => cmd === 'puback'));
    client.socket.destroy();
    await eventually(() => arrived(token).some(({ body }) => body === '{"gone":1}'));
  });

  it.each([
    ['of QoS 3', 0x1e, (token: string) => `kp1/radiator-v1/dcx/${token}/json`],
    ['with a wildcard', 0x06, () => 'kp1/radiator-v1/dcx/+/json'],
    ['that nobody would get', 0x06, (token: string) => `kp1/radiator-v1/dcx/${token}/nothing`],
    ['without a topic', 0x06, () => ''],
  ])('may not leave a will %s', async (_what, flags, topicOf) => {
    const { token } = run.newDevice();
    const [topic, id] = [Buffer.from(topicOf(token)), Buffer.from('odd-will')];
    const texts = [id, topic, Buffer.from('{}')].flatMap((text) => [Buffer.from([0, text.length]), text]);
    const head = [0, 4, 77, 81, 84, 84, 4, flags, 0, 0];
    const body = Buffer.concat([Buffer.from(head), ...texts]);
    const client = await raw(Buffer.from([0x10, body.length]), body);
    await client.closed();
    expect(client.received.some((one) => one.cmd === 'connack' && one.returnCode === 0)).toBe(false);
  });

  it('is ended by its keepalive, and so is one that says nothing', async () => {
    await run.restart({ MUSTER_MQTT_CONNECT_TIMEOUT_MS: '500' });
    const began = performance.now();
    const quiet = await raw();
    const sleeper = await raw(hello('sleeper', { keepalive: 1 }));
    await quiet.closed();
    expect(performance.now() - began).toBeLessThan(2_000);
    await sleeper.closed();
    expect(performance.now() - began).toBeGreaterThan(1_400);
    await run.restart();
  });
});

it('stores all of 1,500 messages that come at once, at the pace of the device', async () => {
  await run.restart({ MUSTER_DEVICE_MESSAGES_PER_SECOND: '1000', MUSTER_DEVICE_MESSAGE_BURST: '100' });
  const { token } = run.newDevice();
  const other = run.newDevice();
  const client = await run.client();
  const neighbour = await run.client();
  const publish = (): Promise<unknown> =>
    neighbour.publishAsync(`kp1/radiator-v1/dcx/${other.token}/json`, '{}', { qos: 1 });
  // Its connection to the broker is opened by the first.
  await publish();
  const began = performance.now();
  let acknowledged = 0;
  const all = Array.from({ length: 1_500 }, async (_, n) => {
    await client.publishAsync(`kp1/radiator-v1/dcx/${token}/json`, `{"n":${n}}`, { qos: 1 });
    acknowledged += 1;
  });
  await publish();
  // It waited for none of the 1,400 that are over the burst.
  expect(acknowledged).toBeLessThan(750);
  await Promise.all(all);
  expect(performance.now() - began).toBeGreaterThan(1_300);
  await eventually(() => arrived(token).length === 1_500);
  expect(arrived(token).map(({ body }) => body)).toEqual(
    Array.from({ length: 1_500 }, (_, n) => `{"n":${n}}`),
  );
  await run.restart();
});

it('spreads its clients over the nodes of a cluster, and lets all in when one is away', async () => {
  const there = brokerMqttUrl();
  const away = new URL(there);
  away.port = String(await freePort());
  await run.restart({ MUSTER_BROKER_MQTT_URL: `${away.href.replace(/\/$/, '')},${there}` });
  // One after another: the turns of one and the other.
  for (let n = 0; n < 4; n += 1) {
    const { token } = run.newDevice();
    const client = await run.client();
    await client.publishAsync(`kp1/radiator-v1/dcx/${token}/json`, '{"a":1}', { qos: 1 });
    await eventually(() => arrived(token).length === 1);
  }
  await run.restart();
});

it('lets in all devices that come at once, though they are more than strangers may be', async () => {
  await run.restart({ MUSTER_MQTT_STRANGERS: '30', MUSTER_MQTT_BROKER_CONNECTS: '1' });
  const devices = Array.from({ length: 120 }, () => run.newDevice());
  const all: Awaited<ReturnType<typeof raw>>[] = [];
  for (const [n, { token }] of devices.entries()) {
    const one = publish(`kp1/radiator-v1/dcx/${token}/json`, { qos: 1 });
    const client = await raw(hello(`storm-${n}`), one);
    all.push(client);
    // The door has its token before the next ones come: what it waits for then is the broker.
    await eventually(() => client.received.length > 0, { everyMs: 1 });
  }
  await eventually(() => all.every(({ received }) => received.some(({ cmd }) => cmd === 'puback')), {
    what: 'all of them have their acknowledgement',
  });
  await run.restart();
});

it('tells clients to come again, and not that their password is wrong, while its services are away', async () => {
  const { token } = run.newDevice();
  run.world.freeze('device-registry');
  const known = await run.client();
  // In memory since the start: it goes on.
  const early = run.world.entries[0];
  await known.publishAsync(`kp1/radiator-v1/dcx/${early?.token}/json`, '{}', { qos: 1 });
  // Unknown here, and nobody can be asked: no PUBACK, and the end, so that it comes again.
  const unknown = await raw(hello('undecided'), publish(`kp1/radiator-v1/dcx/${token}/json`, { qos: 1 }));
  await unknown.closed();
  expect(unknown.received.map(({ cmd }) => cmd)).toEqual(['connack']);
  run.world.thawAll();
});

it('ends all connections when it stops, and says before that it is not ready', async () => {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${run.port()}`, { reconnectPeriod: 0 });
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
  const stopping = run.front.stop();
  await closed;
  await stopping;
  await client.endAsync();
  await expect(
    mosquittoRr([...at(), '-V', '311', '-t', 'a', '-e', 'b', '-n']).then(({ code }) => code),
  ).resolves.not.toBe(0);
  await run.begin();
});
