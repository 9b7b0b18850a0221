import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import { eventually } from '@muster/testing';
import { generate } from 'mqtt-packet';
import type { IClientOptions, MqttClient } from 'mqtt';
import { startFrontRun, type FrontRun } from '../running-front.fixture.js';

/** Real RabbitMQ, real clients; device-registry is a stand-in that writes down what it is told. */
let run: FrontRun;
const sockets: Socket[] = [];

beforeAll(async () => {
  run = await startFrontRun();
}, 60_000);

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await run.stop();
});

let clients = 0;
const newClientId = (): string => `presence-${process.pid}-${++clients}`;
const open = (clientId: string, options: IClientOptions = {}): Promise<MqttClient> =>
  run.client({ clientId, ...options });
const send = (client: MqttClient, token: string) =>
  client.publishAsync(`kp1/radiator-v1/dcx/${token}/json`, '{"t":1}', { qos: 1 });
/** A client that says what a library would not. */
const raw = async (clientId: string, token: string, keepalive = 0): Promise<Socket> => {
  const socket = connect({ port: run.port(), host: '127.0.0.1' });
  sockets.push(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const hello = { protocolId: 'MQTT', protocolVersion: 4, clean: true, clientId, keepalive } as const;
  socket.write(generate({ cmd: 'connect', ...hello }));
  const topic = `kp1/radiator-v1/dcx/${token}/json`;
  socket.write(generate({ cmd: 'publish', topic, payload: '{"t":1}', qos: 0, dup: false, retain: false }));
  return socket;
};
/** What was told of a client, connections by the order of their opening: `opened 1 dev-1`, `used 1 dev-2`, `closed 1 lost`. */
const toldOf = (clientId: string): string[] => {
  const connections: string[] = [];
  return run.world.doorReports.flatMap((report) => {
    const { kind, connection, deviceId, reason } = report;
    if (kind === 'opened' && report.clientId === clientId) connections.push(connection);
    const nth = connections.indexOf(connection);
    return nth === -1 ? [] : [`${kind} ${nth + 1} ${deviceId ?? reason ?? ''}`];
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

describe('presence', () => {
  it('is told with the first use of a token, once, by how the client came; a second topic tells nothing', async () => {
    const { id, token } = run.newDevice();
    const clientId = newClientId();
    const client = await open(clientId);
    await send(client, token);
    await client.subscribeAsync(`kp1/radiator-v1/cmx/${token}/config/json/status`);
    await client.endAsync();
    await eventuallyTold(clientId, `opened 1 ${id}`, 'closed 1 disconnected');
    const opened = run.world.doorReports.find((report) => report.clientId === clientId);
    expect(opened).toMatchObject({
      tenantId: 'default',
      transport: 'tcp',
      protocol: '3.1.1',
      address: '127.0.0.1',
    });
  });

  it('of a client that has used no token is not told', async () => {
    const clientId = newClientId();
    const client = await open(clientId);
    await client.endAsync();
    const { id, token } = run.newDevice();
    const later = newClientId();
    await send(await open(later), token);
    await eventuallyTold(later, `opened 1 ${id}`);
    expect(toldOf(clientId)).toEqual([]);
  });

  it('of a client that speaks for two devices is told for both', async () => {
    const [one, other] = [run.newDevice(), run.newDevice()];
    const clientId = newClientId();
    const gateway = await open(clientId);
    await send(gateway, one.token);
    await send(gateway, other.token);
    await send(gateway, other.token);
    await gateway.endAsync();
    await eventuallyTold(clientId, `opened 1 ${one.id}`, `used 1 ${other.id}`, 'closed 1 disconnected');
  });

  it('ends as `lost` with the socket, as `keepalive` with silence, as `protocol-error` with nonsense', async () => {
    const [killed, silent, odd] = [run.newDevice(), run.newDevice(), run.newDevice()];
    const [first, second, third] = [newClientId(), newClientId(), newClientId()];
    const client = await open(first);
    await send(client, killed.token);
    client.stream.destroy();
    await raw(second, silent.token, 1);
    const nonsense = await raw(third, odd.token);
    await eventually(() => toldOf(third).length === 1, { what: 'it is there' });
    nonsense.write(Buffer.from([0xf0, 0x00, 0x00]));
    await eventuallyTold(first, `opened 1 ${killed.id}`, 'closed 1 lost');
    await eventuallyTold(second, `opened 1 ${silent.id}`, 'closed 1 keepalive');
    await eventuallyTold(third, `opened 1 ${odd.id}`, 'closed 1 protocol-error');
  });

  it('ends as `taken-over` when the same client of the device connects anew, and goes on', async () => {
    const { id, token } = run.newDevice();
    const clientId = newClientId();
    await send(await open(clientId), token);
    await send(await open(clientId), token);
    await eventually(() => toldOf(clientId).length === 3, { what: 'the takeover' });
    expect(toldOf(clientId).filter((line) => !line.startsWith('opened'))).toEqual(['closed 1 taken-over']);
    expect(toldOf(clientId).filter((line) => line === `opened 2 ${id}`)).toHaveLength(1);
  });

  it('is of the last one, when the same client of the device connects many times at once', async () => {
    const { id, token } = run.newDevice();
    const clientId = newClientId();
    const all = await Promise.all(Array.from({ length: 30 }, () => raw(clientId, token)));
    // What is sent to them is taken, or their end would not be seen.
    for (const socket of all) socket.resume();
    const left = () => all.filter(({ closed }) => !closed).length;
    await eventually(() => left() <= 1, { what: 'all but one are closed', deadlineMs: 15_000 });
    await eventually(() => toldOf(clientId).at(-1)?.startsWith('opened'), { what: 'one is there' });
    expect([left(), toldOf(clientId).at(-1)?.endsWith(id)]).toEqual([1, true]);
  });

  it('goes on beside another device’s that has the same client id', async () => {
    const [one, other] = [run.newDevice(), run.newDevice()];
    const clientId = newClientId();
    await send(await open(clientId), one.token);
    await send(await open(clientId), other.token);
    await eventuallyTold(clientId, `opened 1 ${one.id}`, `opened 2 ${other.id}`);
  });

  it('ends as `revoked` when its token is suspended', async () => {
    const { id, token } = run.newDevice();
    const clientId = newClientId();
    await send(await open(clientId), token);
    const entry = run.world.entries.find((one) => one.token === token);
    if (entry === undefined) throw new Error('no such device');
    entry.tokenStatus = 'suspended';
    await run.services.tokenChanged(id);
    await eventuallyTold(clientId, `opened 1 ${id}`, 'closed 1 revoked');
  });

  it('waits while device-registry is away, and is told in its order afterwards', async () => {
    const { id, token } = run.newDevice();
    const clientId = newClientId();
    run.world.connectivityFault = new AppError('unavailable', 'away');
    for (let n = 0; n < 3; n += 1) {
      const client = await open(clientId);
      await send(client, token);
      await client.endAsync();
    }
    expect(toldOf(clientId)).toEqual([]);
    run.world.connectivityFault = undefined;
    await eventuallyTold(
      clientId,
      ...[1, 2, 3].flatMap((n) => [`opened ${n} ${id}`, `closed ${n} disconnected`]),
    );
  });

  it('ends as `stopping` with the front, which gives its lease back', async () => {
    const { id, token } = run.newDevice();
    const clientId = newClientId();
    await send(await open(clientId), token);
    await run.restart();
    await eventuallyTold(clientId, `opened 1 ${id}`, 'closed 1 stopping');
    expect(run.world.doors.size).toBe(1);
  });
});
