import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@muster/testing';
import { generate, parser, type IPublishPacket, type Packet } from 'mqtt-packet';
import type { RunningFront } from './app.module.js';
import { startFrontRun, type FrontRun } from './running-front.fixture.js';

/** Two fronts before one broker, and clients that come to one and to the other. */
const LIMITS = {
  MUSTER_MQTT_SESSIONS_PER_DEVICE: '2',
  MUSTER_MQTT_FILTERS_PER_CLIENT: '3',
  MUSTER_MQTT_CONNECTIONS_PER_DEVICE: '2',
};
let run: FrontRun;
let fronts: readonly RunningFront[];
const sockets: Socket[] = [];

beforeAll(async () => {
  run = await startFrontRun(LIMITS);
  fronts = [run.front, await run.another()];
}, 60_000);

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await run.stop();
});

type Front = 'first' | 'second';
const portOf = (front: Front): number => fronts[front === 'first' ? 0 : 1]?.port ?? 0;
const topicOf = (token: string): string => `kp1/radiator-v1/dcx/${token}/json`;
const pushOf = (token: string, path = 'config/json'): string => `kp1/radiator-v1/cmx/${token}/${path}/status`;
const push = (token: string, body: string, path?: string): void =>
  run.push(pushOf(token, path).replaceAll('/', '.'), body);

let clients = 0;
const newClientId = (): string => `several-${process.pid}-${++clients}`;

interface Come {
  readonly clean?: boolean;
  /** Default: true. */
  readonly acknowledges?: boolean;
  readonly will?: { readonly topic: string; readonly payload: string };
}

/** A device that comes to one of the fronts and says whose it is; by hand, because a library comes back by itself. */
const come = async (front: Front, clientId: string, token: string, how: Come = {}) => {
  const { clean = true, acknowledges = true, will } = how;
  const socket = connect({ port: portOf(front), host: '127.0.0.1' });
  sockets.push(socket);
  socket.on('error', () => undefined);
  const received: Packet[] = [];
  const reader = parser({ protocolVersion: 4 });
  const send = (packet: Packet): void => void socket.write(generate(packet));
  reader.on('packet', (packet) => {
    received.push(packet);
    if (acknowledges && packet.cmd === 'publish' && packet.qos === 1)
      send({ cmd: 'puback', messageId: packet.messageId ?? 0 });
  });
  socket.on('data', (bytes) => reader.parse(bytes));
  await once(socket, 'connect');
  const left = will === undefined ? {} : { will: { ...will, qos: 1 as const, retain: false } };
  send({
    ...{ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean, clientId, keepalive: 0 },
    ...left,
  });
  let ids = 0;
  const says = async (packet: object, answer: Packet['cmd']): Promise<Packet> => {
    const messageId = ++ids;
    send({ messageId, ...packet } as Packet); // what the callers give it is the rest of one
    return eventually(
      () => received.find((one) => one.cmd === answer && one.messageId === messageId) ?? false,
      { what: `it has its ${answer}` },
    );
  };
  const publish = (payload: string) =>
    says({ cmd: 'publish', topic: topicOf(token), payload, qos: 1, dup: false, retain: false }, 'puback');
  await publish('{"here":1}');
  return {
    socket,
    publish,
    subscribe: async (...topics: string[]) => {
      const subscriptions = topics.map((topic) => ({ topic, qos: 1 }));
      const answer = await says({ cmd: 'subscribe', subscriptions }, 'suback');
      return answer.cmd === 'suback' ? answer.granted : [];
    },
    got: (): IPublishPacket[] => received.filter((one) => one.cmd === 'publish'),
    bodies: (): string[] =>
      received.flatMap((one) => (one.cmd === 'publish' ? [one.payload.toString()] : [])),
    leave: async (): Promise<void> => {
      send({ cmd: 'disconnect' });
      await eventually(() => socket.closed, { what: 'it has left' });
    },
    isOver: (deadlineMs = 10_000) => eventually(() => socket.closed, { what: 'it is ended', deadlineMs }),
  };
};

/** Of a client's connections, in the order of their opening: why they ended; `open` for those that have not. */
const endsOf = (clientId: string): string[] => {
  const { doorReports } = run.world;
  return doorReports
    .filter((report) => report.kind === 'opened' && report.clientId === clientId)
    .map(({ connection }) => {
      const end = doorReports.find((report) => report.kind === 'closed' && report.connection === connection);
      return end?.reason ?? 'open';
    });
};
const eventuallyEnds = (clientId: string, ...expected: string[]) =>
  eventually(
    () => {
      expect(endsOf(clientId)).toEqual(expected);
      return true;
    },
    { what: `its connections are ${expected.join()}`, deadlineMs: 15_000 },
  );

describe('a client that comes to another front', () => {
  it('is taken over from the one before, which says so', async () => {
    const { token } = run.newDevice();
    const clientId = newClientId();
    const before = await come('first', clientId, token);
    const after = await come('second', clientId, token);
    await before.isOver(2_000);
    await after.publish('{"there":1}');
    await eventuallyEnds(clientId, 'taken-over', 'open');
    await (await come('first', clientId, token)).leave();
    await eventuallyEnds(clientId, 'taken-over', 'taken-over', 'disconnected');
  });

  it('has no more than one connection, however often it comes to both at once, and the one that comes last', async () => {
    const { token } = run.newDevice();
    const clientId = newClientId();
    const all = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) => come(n % 2 === 0 ? 'first' : 'second', clientId, token)),
    );
    const left = (): number =>
      all.filter((one) => one.status === 'fulfilled' && !one.value.socket.closed).length;
    // Perhaps none that was answered: with RabbitMQ 4.0 that was seen.
    await eventually(() => left() <= 1, { what: 'no more than one is left', deadlineMs: 15_000 });
    const last = await come('second', clientId, token);
    await eventually(() => left() === 0, { what: 'the last one takes over', deadlineMs: 15_000 });
    await last.publish('{"left":1}');
    await eventually(() => endsOf(clientId).filter((end) => end === 'open').length === 1);
    expect(endsOf(clientId)).not.toContain('broker');
  });

  it('gets what waits in its session, each message once', async () => {
    const { token } = run.newDevice();
    const clientId = newClientId();
    const before = await come('first', clientId, token, { clean: false });
    expect(await before.subscribe(pushOf(token))).toEqual([1]);
    await before.leave();
    const bodies = ['{"n":1}', '{"n":2}', '{"n":3}'];
    for (const body of bodies) push(token, body);
    const after = await come('second', clientId, token, { clean: false });
    await eventually(() => after.got().length === 3, { what: 'it has all three' });
    expect(after.bodies()).toEqual(bodies);
    expect(after.got().map(({ dup }) => dup)).toEqual([false, false, false]);
    await after.leave();
    const again = await come('first', clientId, token, { clean: false });
    push(token, '{"n":4}');
    await eventually(() => again.got().length > 0);
    expect(again.bodies()).toEqual(['{"n":4}']);
  });

  it('gets once more, and then never again, what it has not acknowledged at the one before', async () => {
    const { token } = run.newDevice();
    const clientId = newClientId();
    const before = await come('first', clientId, token, { clean: false, acknowledges: false });
    await before.subscribe(pushOf(token));
    for (const body of ['{"n":1}', '{"n":2}']) push(token, body);
    await eventually(() => before.got().length === 2);
    const after = await come('second', clientId, token, { clean: false });
    await eventually(() => after.got().length === 2, { what: 'it has both again' });
    expect(after.bodies()).toEqual(['{"n":1}', '{"n":2}']);
    await before.isOver(2_000);
    await (await come('first', clientId, token, { clean: false })).leave();
    const again = await come('second', clientId, token, { clean: false });
    push(token, '{"n":3}');
    await eventually(() => again.got().length > 0);
    expect(again.bodies()).toEqual(['{"n":3}']);
  });

  it('is subscribed to no more than a client may be', async () => {
    const { token } = run.newDevice();
    const clientId = newClientId();
    const filters = ['a', 'b', 'c', 'd'].map((path) => pushOf(token, path));
    const before = await come('first', clientId, token, { clean: false });
    expect(await before.subscribe(...filters.slice(0, 3))).toEqual([1, 1, 1]);
    await before.leave();
    const after = await come('second', clientId, token, { clean: false });
    expect(await after.subscribe(...filters.slice(2))).toEqual([1, 0x80]);
    await after.leave();
    const again = await come('first', clientId, token, { clean: false });
    expect(await again.subscribe(...filters.slice(2))).toEqual([1, 0x80]);
  });

  it('keeps its session there, though its device has more of them at the one before than it may', async () => {
    const { token } = run.newDevice();
    const moved = newClientId();
    await (await come('first', moved, token, { clean: false })).leave();
    const there = await come('second', moved, token, { clean: false });
    await there.subscribe(pushOf(token));
    // Counted here, the session of the client that has moved would be the one to end.
    for (let n = 0; n < 2; n += 1)
      await (await come('first', newClientId(), token, { clean: false })).leave();
    push(token, '{"still":1}');
    await eventually(() => there.got().length > 0, { what: 'it is still there' });
    await eventuallyEnds(moved, 'disconnected', 'open');
  });
});

describe('over two fronts', () => {
  it('what is taken back ends all connections within two seconds', async () => {
    const { id, token } = run.newDevice();
    const all = await Promise.all(
      (['first', 'second', 'first', 'second'] as const).map((front) => come(front, newClientId(), token)),
    );
    const entry = run.world.entries.find((one) => one.token === token);
    if (entry === undefined) throw new Error('no such device');
    entry.tokenStatus = 'suspended';
    await run.services.tokenChanged(id);
    await Promise.all(all.map((one) => one.isOver(2_000)));
  });

  it('a device has as many connections as it may have to each of them', async () => {
    const { token } = run.newDevice();
    const all: Awaited<ReturnType<typeof come>>[] = [];
    for (let n = 0; n < 6; n += 1)
      all.push(await come(n % 2 === 0 ? 'first' : 'second', newClientId(), token));
    await eventually(() => all.filter(({ socket }) => !socket.closed).length === 4, {
      what: 'two are ended',
    });
    expect(all.map(({ socket }) => socket.closed)).toEqual([true, true, false, false, false, false]);
  });
});
