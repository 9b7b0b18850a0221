import { once } from 'node:events';
import { connect, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { brokerMemoryBytes, eventually, mqttUrl, startPlatform, type Platform } from '@muster/testing';
import { generate, parser, type Packet } from 'mqtt-packet';
import mqtt, { type MqttClient } from 'mqtt';

/**
 * The whole platform under attack, and an honest device beside it that sends a sample, waits for its `/status`, and sends the
 * next. Each attack ends by a limit that has a name, in bounded memory, and the honest device goes on meanwhile.
 */
const STRANGERS = 1_000;
const TIMEOUT_MS = 1_000;
const MEGABYTE = 1_048_576;
/** What an attack may cost while it lasts: the services, which share a process here with the door, and RabbitMQ. */
const MOST_MEMORY = { services: 64 * MEGABYTE, broker: 32 * MEGABYTE };
const HONEST_REST_MS = 15;

let platform: Platform;
let honest: { readonly client: MqttClient; readonly token: string };
let undisturbed: Talk;
let flooder: { readonly token: string; readonly username: string; readonly password: string };

beforeAll(async () => {
  platform = await startPlatform({
    MUSTER_MQTT_STRANGERS: String(STRANGERS),
    MUSTER_MQTT_CONNECT_TIMEOUT_MS: String(TIMEOUT_MS),
    MUSTER_MQTT_PACKET_TIMEOUT_MS: String(TIMEOUT_MS),
  });
  const made = async (path: string, body: object): Promise<{ token: string; credential: object }> =>
    (await platform.api('POST', path, body)).body as { token: string; credential: object };
  await made('/device-types', { name: 'strangers' });
  const { token } = await made('/devices', { name: 'honest', deviceType: 'strangers' });
  const other = await made('/devices', {
    ...{ name: 'flooder', deviceType: 'strangers', credential: { kind: 'password' } },
  });
  flooder = { token: other.token, ...(other.credential as { username: string; password: string }) };
  const client = await mqtt.connectAsync(mqttUrl(), { reconnectPeriod: 0 });
  // Nagle's algorithm would add 40 ms to each answer.
  if (client.stream instanceof Socket) client.stream.setNoDelay(true);
  honest = { client, token };
  await honest.client.subscribeAsync(`${topicOf(token)}/1/status`, { qos: 1 });
  // What is done for the first time takes longer.
  for (let n = 0; n < 50; n += 1) await askedMs();
  const until = performance.now() + 1_000;
  undisturbed = await talk(() => performance.now() > until);
}, 120_000);
afterAll(async () => {
  await honest.client.endAsync(true);
  await platform.stop();
});

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.resetAndDestroy();
});

const topicOf = (token: string): string => `kp1/strangers-v1/dcx/${token}/json`;

/** How often the honest device was answered. */
let answered = 0;

/** Milliseconds from a sample to its `/status`. */
const askedMs = async (): Promise<number> => {
  const { client, token } = honest;
  const began = performance.now();
  const answer = new Promise((resolve) => client.once('message', resolve));
  await client.publishAsync(`${topicOf(token)}/1`, '{"here":1}', { qos: 1 });
  await answer;
  answered += 1;
  return performance.now() - began;
};

/** The value of a metric; of all its labels together, or of those that have this in them. */
const metric = async (name: string, label = ''): Promise<number> => {
  const text = await (await fetch(`${platform.url}/metrics`)).text();
  return text
    .split('\n')
    .filter((line) => /^[a-z_]+/.exec(line)?.[0] === name && line.includes(label))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
};
const closed = (reason: string): Promise<number> =>
  metric('muster_mqtt_front_closed_total', `reason="${reason}"`);
const memory = async () => ({
  services: await metric('process_resident_memory_bytes'),
  broker: brokerMemoryBytes(),
});

const open = async (): Promise<Socket> => {
  const { port, hostname } = new URL(mqttUrl());
  const socket = connect({ port: Number(port), host: hostname });
  sockets.push(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
};
const openMany = (count: number): Promise<Socket[]> => Promise.all(Array.from({ length: count }, open));
const allClosed = (of: readonly Socket[], deadlineMs = 10_000): Promise<true> => {
  // What is sent to them is taken, or their end would not be seen.
  for (const socket of of) socket.resume();
  return eventually(() => (of.every((socket) => socket.closed) ? true : undefined), {
    what: 'all of them are closed',
    deadlineMs,
  });
};

interface Talk {
  /** Milliseconds to each answer. */
  readonly took: readonly number[];
  readonly perSecond: number;
}
const talk = async (isOver: () => boolean): Promise<Talk> => {
  const began = performance.now();
  const took: number[] = [];
  while (!isOver()) {
    took.push(await askedMs());
    await sleep(HONEST_REST_MS);
  }
  return { took, perSecond: (took.length / (performance.now() - began)) * 1_000 };
};
const medianOf = ({ took }: Talk): string =>
  `${([...took].sort((one, other) => one - other)[Math.floor(took.length / 2)] ?? NaN).toFixed(0)} ms`;

/**
 * What the honest device sees during the attack, and what memory the attack takes at its peak. It keeps at least a
 * tenth of its speed: it waits for no attacker, and shares the processor with them.
 */
const underAttack = async (what: string, attack: () => Promise<unknown>): Promise<void> => {
  const atFirst = await memory();
  const peak = { ...atFirst };
  const ending = new AbortController();
  const watching = (async () => {
    while (!ending.signal.aborted) {
      const now = await memory();
      peak.services = Math.max(peak.services, now.services);
      peak.broker = Math.max(peak.broker, now.broker);
      await sleep(100);
    }
  })();
  const talking = talk(() => ending.signal.aborted);
  try {
    await attack();
    // Short ones leave the honest device no time to be seen.
    await sleep(300);
  } finally {
    ending.abort();
    await watching;
  }
  const meanwhile = await talking;
  const grown = { services: peak.services - atFirst.services, broker: peak.broker - atFirst.broker };
  process.stderr.write(
    `${what}: an honest device is answered in ${medianOf(meanwhile)} (undisturbed ` +
      `${medianOf(undisturbed)}; at worst ${Math.max(...meanwhile.took).toFixed(0)} ms), ${meanwhile.took.length} times; ` +
      `memory +${(grown.services / MEGABYTE).toFixed(0)} MB, broker +${(grown.broker / MEGABYTE).toFixed(0)} MB\n`,
  );
  expect(meanwhile.perSecond).toBeGreaterThan(undisturbed.perSecond / 10);
  expect(grown.services).toBeLessThan(MOST_MEMORY.services);
  expect(grown.broker).toBeLessThan(MOST_MEMORY.broker);
};

describe('strangers', () => {
  it('who connect and say nothing are closed: the oldest over MUSTER_MQTT_STRANGERS, all in time', async () => {
    const [bounded, slow] = [await metric('muster_mqtt_front_bounded'), await closed('too-slow')];
    await underAttack('1,500 silent connections', async () => {
      await allClosed(await openMany(1_500));
    });
    const overBound = (await metric('muster_mqtt_front_bounded')) - bounded;
    expect(overBound).toBeGreaterThanOrEqual(500);
    expect((await closed('too-slow')) - slow).toBe(1_500 - overBound);
  });

  it('who are half open, or send a CONNECT byte by byte, are closed in time', async () => {
    const slow = await closed('too-slow');
    const hello = generate({ cmd: 'connect', protocolId: 'MQTT', clientId: 'slow', clean: true });
    await underAttack('300 half a CONNECT, 100 a byte every quarter of a second', async () => {
      const half = await openMany(300);
      for (const socket of half) socket.write(hello.subarray(0, 9));
      const drip = await openMany(100);
      const timer = setInterval(() => {
        for (const [n, socket] of drip.entries()) {
          const sent = socket.bytesWritten;
          if (!socket.closed) socket.write(hello.subarray(sent, sent + 1));
          if (n === 0 && sent >= hello.length - 1) clearInterval(timer);
        }
      }, 250);
      try {
        await allClosed([...half, ...drip]);
      } finally {
        clearInterval(timer);
      }
    });
    expect((await closed('too-slow')) - slow).toBe(400);
  });

  it('who announce a CONNECT of 60 MB are closed before it is kept', async () => {
    const refused = await closed('protocol-error');
    await underAttack('20 CONNECTs of 60 MB', async () => {
      const large = await openMany(20);
      const begin = Buffer.from([0x10, 0x80, 0x8e, 0xce, 0x1c, 0, 4, 77, 81, 84, 84, 4, 2, 0, 60]);
      const megabyte = Buffer.alloc(MEGABYTE, 'x');
      for (const socket of large) {
        socket.write(begin);
        for (let n = 0; n < 60; n += 1) socket.write(megabyte);
      }
      await allClosed(large);
    });
    expect((await closed('protocol-error')) - refused).toBe(20);
  });

  it('who speak no MQTT are closed', async () => {
    await underAttack('600 times garbage', async () => {
      const all = await openMany(600);
      const said = [
        Buffer.from('SSH-2.0-x\r\n'),
        // The beginning of TLS, at the plain port.
        Buffer.from([0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]),
        Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n'),
        Buffer.alloc(100_000, 0xff),
        generate({ cmd: 'publish', topic: 'a/b', payload: 'x', qos: 0, dup: false, retain: false }),
        Buffer.from([0x10, 0]),
      ];
      for (const [n, socket] of all.entries()) socket.write(said[n % said.length] ?? '');
      await allClosed(all);
    });
  });
});

describe('a device that is logged in and floods', () => {
  /** 20,000 messages of 1 KB at once, at 100 a second: it is not read, and what it has not sent stays with it. */
  const MESSAGES = 20_000;
  const ANSWERS = 20;

  const flood = async (qos: 0 | 1 | 2): Promise<{ readonly socket: Socket; readonly received: Packet[] }> => {
    const socket = await open();
    const received: Packet[] = [];
    const reader = parser({ protocolVersion: 4 });
    reader.on('packet', (packet) => received.push(packet));
    socket.on('data', (bytes) => reader.parse(bytes));
    const { username, password, token } = flooder;
    socket.write(
      generate({
        ...{ cmd: 'connect', protocolId: 'MQTT', clientId: `flood-${qos}`, clean: true, keepalive: 0 },
        ...{ username, password: Buffer.from(password) },
      }),
    );
    await eventually(() => received.some(({ cmd }) => cmd === 'connack'));
    const payload = JSON.stringify({ text: 'x'.repeat(1_000) });
    const packet = {
      cmd: 'publish',
      topic: topicOf(token),
      payload,
      qos,
      dup: false,
      retain: false,
    } as const;
    for (let n = 1; n <= MESSAGES; n += 1) socket.write(generate({ ...packet, messageId: n }));
    return { socket, received };
  };

  it.each([0, 1, 2] as const)('with QoS %i is read at its pace, and nobody waits for it', async (qos) => {
    const taken = () => metric('muster_mqtt_front_publishes_total', 'outcome="forwarded"');
    const before = await taken();
    const began = performance.now();
    const answeredBefore = answered;
    await underAttack(`a flood of QoS ${qos}`, async () => {
      const { socket, received } = await flood(qos);
      const from = answered;
      await eventually(() => answered - from >= ANSWERS, { what: 'the honest device is answered' });
      // By count, whatever the machine does besides: nearly all of it is still with the flooder.
      expect(socket.writableLength).toBeGreaterThan((MESSAGES / 4) * 1_000);
      expect(received.filter(({ cmd }) => cmd === 'puback' || cmd === 'pubrec').length).toBeLessThan(
        MESSAGES / 4,
      );
      const seconds = (performance.now() - began) / 1_000;
      // 500 at once and 100 a second; what is read in one slice is not taken back.
      expect((await taken()) - before).toBeLessThan(600 + 100 * seconds + answered - answeredBefore);
      socket.resetAndDestroy();
    });
  });
});
