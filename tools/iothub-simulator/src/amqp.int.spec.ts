import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@muster/testing';
import mqtt from 'mqtt';
import rhea, { type AmqpError, type Connection, type Delivery, type EventContext } from 'rhea';
import { makeSasToken } from './security/sas.js';
import { startSimulator, type Simulator } from './simulator.js';

let simulator: Simulator;
let connection: Connection;

beforeEach(async () => {
  simulator = await startSimulator({ eventHub: { name: 'events-of-mine' } });
  connection = rhea.create_container().connect({
    host: 'localhost',
    port: simulator.ports[0] ?? 0,
    transport: 'tls',
    ca: simulator.authority,
    reconnect: false,
    username: 'any',
  });
  connection.on('disconnected', () => undefined);
});

afterEach(async () => {
  if (connection.is_open()) {
    const closed = new Promise((resolve) => connection.once('connection_close', resolve));
    connection.close();
    await closed;
  }
  await simulator.close();
});

const tokenOf = (policy: string, how?: 'keyText', resource = simulator.hostName): string =>
  makeSasToken(
    resource,
    /SharedAccessKey=([^;]+)/.exec(simulator.connectionString(policy))?.[1] ?? '',
    Date.now() + 60_000,
    policy,
    how,
  );

/** The status of the answer. */
const putToken = (token: string, name = `${simulator.hostName}/messages/events`): Promise<number> =>
  new Promise((resolve) => {
    const sender = connection.open_sender('$cbs');
    const receiver = connection.open_receiver('$cbs');
    receiver.once('message', ({ message }: EventContext) => {
      const answer = message?.application_properties as Record<string, unknown> | undefined;
      resolve(Number(answer?.['status-code']));
    });
    sender.once('sendable', () => {
      sender.send({
        message_id: '1',
        reply_to: '$cbs',
        application_properties: {
          operation: 'put-token',
          type: 'servicebus.windows.net:sastoken',
          name,
        },
        body: token,
      });
    });
  });

const refusal = (address: string): Promise<AmqpError> =>
  new Promise((resolve) => {
    const receiver = connection.open_receiver(address);
    receiver.once('receiver_error', () => resolve(receiver.error as AmqpError));
  });

describe('messages/events of the hub', () => {
  it('is redirected to the event hub, by which a service finds it', async () => {
    const [port] = simulator.ports;
    expect(await putToken(tokenOf('service'))).toBe(200);
    expect(await refusal('messages/events/$management')).toMatchObject({
      condition: 'amqp:link:redirect',
      info: {
        hostname: `localhost:${port}`,
        port,
        address: `amqps://localhost:${port}/events-of-mine/$management`,
      },
    });
  });

  it('is told to nobody without the right', async () => {
    expect(await putToken(tokenOf('device'))).toBe(200);
    expect(await refusal('messages/events')).toMatchObject({ condition: 'amqp:unauthorized-access' });
  });
});

describe('a token', () => {
  it('of the hub opens nothing of the event hub', async () => {
    expect(await putToken(tokenOf('service'))).toBe(200);
    const partition = 'events-of-mine/ConsumerGroups/$Default/Partitions/0';
    expect(await refusal(partition)).toMatchObject({ condition: 'amqp:unauthorized-access' });
  });
});

describe('a token signed as for Event Hubs', () => {
  it('is none for the hub', async () => {
    expect(await putToken(tokenOf('service', 'keyText'))).toBe(401);
  });
});

describe('a reader', () => {
  const partitions = ['0', '1', '2', '3'].map(
    (id) => `events-of-mine/ConsumerGroups/$Default/Partitions/${id}`,
  );

  const telemetry = async (count: number): Promise<void> => {
    simulator.createDevice('d1');
    const device = await mqtt.connectAsync(`mqtts://localhost:${simulator.ports[0]}`, {
      clientId: 'd1',
      username: `${simulator.hostName}/d1/?api-version=2021-04-12`,
      password: tokenOf('device'),
      ca: simulator.authority,
    });
    await Promise.all(
      Array.from({ length: count }, () =>
        device.publishAsync('devices/d1/messages/events/', 'x', { qos: 1 }),
      ),
    );
    await device.endAsync();
    const resource = `sb://${simulator.hostName}/events-of-mine`;
    expect(await putToken(tokenOf('service', 'keyText', resource), resource)).toBe(200);
  };

  it('that wants events settled as they are sent gets them so: it will acknowledge none', async () => {
    await telemetry(1);
    const settled: boolean[] = [];
    for (const address of partitions) {
      for (const snd_settle_mode of [0, 1] as const) {
        connection
          .open_receiver({ source: { address }, snd_settle_mode })
          .on('message', ({ delivery }: EventContext) => settled.push(delivery?.remote_settled === true));
      }
    }
    await eventually(() => settled.length === 2);
    expect(settled.sort()).toEqual([false, true]);
  });

  it('that asks for more than a session holds gets the rest when it has acknowledged', async () => {
    const count = 2_500;
    await telemetry(count);
    const got: Delivery[] = [];
    let acknowledges = false;
    for (const address of partitions) {
      const receiver = connection.open_receiver({ source: { address }, autoaccept: false, credit_window: 0 });
      receiver.add_credit(count);
      receiver.on('message', ({ delivery }: EventContext) => {
        if (delivery !== undefined) got.push(delivery);
        if (acknowledges) delivery?.accept();
      });
    }
    await eventually(() => got.length === 2_048);
    acknowledges = true;
    for (const delivery of [...got]) delivery.accept();
    await eventually(() => got.length === count);
  });
});

describe('a hub that moves', () => {
  it('says so before it ends a connection', async () => {
    expect(await putToken(tokenOf('service'))).toBe(200);
    const said = new Promise<unknown>((resolve) => {
      connection.once('connection_error', () => resolve(connection.error));
    });
    expect(simulator.dropAmqp('amqp:connection:forced', 'moving')).toBe(1);
    expect(await said).toMatchObject({ condition: 'amqp:connection:forced', description: 'moving' });
  });
});
