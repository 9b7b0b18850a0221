import { once } from 'node:events';
import { connect as connectSocket, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import type { ConnectionReport } from '@muster/contracts/device-registry/connectivity.requests';
import type { RunningApp } from '@muster/observability';
import {
  amqpUrl,
  eventually,
  freePort,
  mqttAuthPort,
  mqttUrl,
  startNats,
  type NatsServer,
} from '@muster/testing';
import { startStandIns, World, type StandIns } from '@muster/uplink/stand-in-services';
import mqtt, { type MqttClient } from 'mqtt';
import { start } from './app.module.js';

/** Real RabbitMQ, real clients; device-registry is a stand-in that writes down what it is told. */
let nats: NatsServer;
let services: StandIns;
const world = new World();
const adapters: RunningApp[] = [];
const clients: MqttClient[] = [];
let count = 0;

const startAdapter = async (authPort = mqttAuthPort()): Promise<RunningApp> => {
  const adapter = await start({
    MUSTER_NATS_URL: nats.url,
    MUSTER_AMQP_URL: amqpUrl(),
    MUSTER_MQTT_AUTH_PORT: String(authPort),
    MUSTER_LOG_LEVEL: process.env['MUSTER_LOG_LEVEL'] ?? 'silent',
  });
  await eventually(async () => (await adapter.ops.health.ready()).ready, { deadlineMs: 15_000 });
  adapters.push(adapter);
  return adapter;
};
const stopAdapter = async (adapter: RunningApp): Promise<void> => {
  adapters.splice(adapters.indexOf(adapter), 1);
  await adapter.stop();
};
const newDevice = (): { id: string; token: string; clientId: string } => {
  count += 1;
  const id = `pres-${process.pid}-${count}`;
  return { id, token: world.device(id).token, clientId: `client-of-${id}` };
};
const connect = async (clientId: string, options: mqtt.IClientOptions = {}): Promise<MqttClient> => {
  const client = await mqtt.connectAsync(mqttUrl(), { clientId, reconnectPeriod: 0, ...options });
  clients.push(client);
  return client;
};
const send = (client: MqttClient, token: string) =>
  client.publishAsync(`kp1/radiator-v1/dcx/${token}/json`, '{"t":1}', { qos: 1 });
/** What was told of a client, connections by the order of their opening: `opened 1`, `used dev-1`, `closed 1`. */
const toldOf = (clientId: string): string[] => {
  const connections: (string | undefined)[] = [];
  return world.connections.flatMap((report: ConnectionReport) => {
    const { kind, connection, deviceId } = report;
    if (report.clientId === clientId && kind === 'opened') connections.push(connection);
    if (kind !== 'closed' && report.clientId !== clientId) return [];
    if (kind === 'used') return [`used ${deviceId ?? ''}`];
    const nth = connections.indexOf(connection);
    return nth === -1 ? [] : [`${kind} ${nth + 1}`];
  });
};
const eventuallyTold = (clientId: string, ...expected: string[]) =>
  eventually(
    () => {
      expect(toldOf(clientId)).toEqual(expected);
      return true;
    },
    { what: 'the reports', deadlineMs: 15_000 },
  );

beforeAll(async () => {
  nats = await startNats();
  services = await startStandIns(nats.url, world);
  await startAdapter();
}, 60_000);

afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync(true);
});

afterAll(async () => {
  for (const adapter of [...adapters]) await stopAdapter(adapter);
  await services.stop();
  await nats.stop();
});

describe('presence', () => {
  it('is told in order: opened, used, closed; a second topic of the device tells nothing new', async () => {
    const { id, token, clientId } = newDevice();
    const client = await connect(clientId);
    await send(client, token);
    await client.subscribeAsync(`kp1/radiator-v1/cmx/${token}/config/json/status`);
    await client.endAsync();
    await eventuallyTold(clientId, 'opened 1', `used ${id}`, 'closed 1');
    expect(world.connections.some(({ kind }) => kind === 'broker-seen')).toBe(true);
  });

  it('of a client that speaks for two devices is told for both', async () => {
    const [one, other] = [newDevice(), newDevice()];
    const gateway = await connect(`gateway-${process.pid}`);
    await send(gateway, one.token);
    await send(gateway, other.token);
    await eventuallyTold(`gateway-${process.pid}`, 'opened 1', `used ${one.id}`, `used ${other.id}`);
  });

  it('of a client that is killed ends at once, of one that falls silent with its keepalive', async () => {
    const [killed, silent] = [newDevice(), newDevice()];
    const client = await connect(killed.clientId);
    await send(client, killed.token);
    client.stream.destroy();
    await eventuallyTold(killed.clientId, 'opened 1', `used ${killed.id}`, 'closed 1');
    const socket = await frozenClient(silent.clientId, `kp1/radiator-v1/dcx/${silent.token}/json`);
    await eventuallyTold(silent.clientId, 'opened 1', `used ${silent.id}`, 'closed 1');
    socket.destroy();
  });

  it('of a client that is taken over by its next connection goes on', async () => {
    const { id, token, clientId } = newDevice();
    await send(await connect(clientId), token);
    await send(await connect(clientId), token);
    // That a connection is used is told beside what the broker tells of it.
    const uses = (): number => toldOf(clientId).filter((line) => line === `used ${id}`).length;
    await eventually(() => toldOf(clientId).includes('closed 1') && uses() === 2);
    expect(toldOf(clientId)).not.toContain('closed 2');
  });

  it('of odd client ids finds the client', async () => {
    for (const clientId of [`a "b" \\c ${process.pid}`, `ü 日 ${process.pid}`]) {
      const { id, token } = newDevice();
      const client = await connect(clientId);
      await send(client, token);
      await client.endAsync();
      await eventuallyTold(clientId, 'opened 1', `used ${id}`, 'closed 1');
    }
  });

  it('waits in the queue while device-registry is away, and while no adapter runs', async () => {
    const [first, second] = [newDevice(), newDevice()];
    world.connectivityFault = new AppError('unavailable', 'away');
    const client = await connect(first.clientId);
    await send(client, first.token);
    const other = await connect(second.clientId);
    await send(other, second.token);
    await client.endAsync();
    const [adapter] = adapters;
    if (adapter !== undefined) await stopAdapter(adapter);
    expect(toldOf(first.clientId)).toEqual([]);
    await other.endAsync();
    world.connectivityFault = undefined;
    await startAdapter();
    await eventuallyTold(first.clientId, 'opened 1', `used ${first.id}`, 'closed 1');
    await eventuallyTold(second.clientId, 'opened 1', `used ${second.id}`, 'closed 1');
  });

  it('is told by one replica at a time, in order, and by the next when it stops', async () => {
    const second = await startAdapter(await freePort());
    const devices = Array.from({ length: 50 }, newDevice);
    const come = devices.map(async ({ token, clientId }) => {
      const client = await connect(clientId);
      await send(client, token);
      await client.endAsync();
    });
    await Promise.all(come.slice(0, 25));
    // The one that RabbitMQ asks goes on in the place of the other only for AMQP, so it is the second that stops.
    await stopAdapter(second);
    await Promise.all(come);
    for (const { id, clientId } of devices) {
      await eventually(() => toldOf(clientId).at(-1) === 'closed 1', { what: `the end of ${id}` });
      // The broker tells of the connection, the adapter of its first topic: either may be first. The end is last.
      const told = toldOf(clientId).filter((line, at, all) => all.indexOf(line) === at);
      expect([...told.slice(0, -1).sort(), told.at(-1)]).toEqual(['opened 1', `used ${id}`, 'closed 1']);
    }
  });

  it('that piled up is told in batches', async () => {
    let batches = 0;
    const before = world.connections.length;
    const { push } = world.connections;
    world.connections.push = (...reports: ConnectionReport[]) => {
      batches += 1;
      return push.apply(world.connections, reports);
    };
    world.connectivityFault = new AppError('unavailable', 'away');
    const devices = Array.from({ length: 200 }, newDevice);
    for (let from = 0; from < devices.length; from += 25) {
      await Promise.all(
        devices.slice(from, from + 25).map(async ({ token, clientId }) => {
          const client = await connect(clientId);
          await send(client, token);
          await client.endAsync();
        }),
      );
    }
    world.connectivityFault = undefined;
    await eventually(() => world.connections.length >= before + 600, {
      what: 'all reports',
      deadlineMs: 15_000,
    });
    expect(batches).toBeLessThan(20);
    world.connections.push = push;
  });
});

/** MQTT by hand: connects with a keepalive of 2 s, publishes once, and never says anything again. */
const frozenClient = async (clientId: string, topic: string): Promise<Socket> => {
  const { hostname, port } = new URL(mqttUrl());
  const socket = connectSocket(Number(port), hostname);
  socket.on('error', () => undefined);
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value);
    return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
  };
  const packet = (type: number, ...parts: Buffer[]): Buffer => {
    const body = Buffer.concat(parts);
    return Buffer.concat([Buffer.from([type, body.length]), body]);
  };
  socket.write(packet(0x10, text('MQTT'), Buffer.from([4, 2, 0, 2]), text(clientId)));
  await once(socket, 'data');
  socket.write(packet(0x30, text(topic), Buffer.from('{"t":1}')));
  return socket;
};
