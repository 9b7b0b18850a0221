import { amqpUrl, brokerMqttUrl, eventually, startNats, type NatsServer } from '@muster/testing';
import { unstamped } from '@muster/uplink';
import { startStandIns, World, type StandIns } from '@muster/uplink/stand-in-services';
import { connect, type Channel, type ChannelModel } from 'amqplib';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { start, type RunningFront } from './app.module.js';

/** What came to the broker from devices. */
export interface Arrived {
  readonly routingKey: string;
  readonly body: string;
  /** As the front has stamped it, in microseconds. */
  readonly arrivedAt: number | undefined;
  /** And as the client has said. */
  readonly isDuplicate: boolean;
  readonly qos: number;
}

/** A front on the run's broker, with a world of devices behind it and a listener at the broker in mqtt-adapter's place. */
export interface FrontRun {
  readonly world: World;
  readonly nats: NatsServer;
  readonly services: StandIns;
  front: RunningFront;
  readonly arrived: Arrived[];
  /** RabbitMQ 4 and later speak MQTT 5. */
  readonly isBrokerFive: boolean;
  readonly port: () => number;
  /** Publishes to clients, as mqtt-adapter does. */
  readonly push: (routingKey: string, body: string) => void;
  readonly newDevice: () => { readonly id: string; readonly token: string };
  readonly client: (options?: IClientOptions) => Promise<MqttClient>;
  /** After `front.stop()`. */
  readonly begin: () => Promise<void>;
  /** Another front beside it, with the same services and the same broker; stopped with the run. */
  readonly another: (env?: Readonly<Record<string, string>>) => Promise<RunningFront>;
  readonly restart: (env?: Readonly<Record<string, string>>) => Promise<void>;
  readonly stop: () => Promise<void>;
}

export const startFrontRun = async (env: Readonly<Record<string, string>> = {}): Promise<FrontRun> => {
  const nats = await startNats();
  const world = new World();
  const services = await startStandIns(nats.url, world);
  const broker: ChannelModel = await connect(amqpUrl());
  const channel: Channel = await broker.createChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  const arrived: Arrived[] = [];
  await channel.bindQueue(queue, 'amq.topic', 'kp1.#');
  await channel.consume(
    queue,
    (message) => {
      if (message === null) return;
      const headers: Readonly<Record<string, unknown>> = message.properties.headers ?? {};
      // What the platform says itself comes here too.
      if (headers['x-pushed'] === true) return;
      const { routingKey } = message.fields;
      const { payload, arrivedAt, isDuplicate } = unstamped(message.content);
      arrived.push({
        ...{ routingKey, body: payload.toString('utf8'), arrivedAt, isDuplicate },
        qos: Number(headers['x-mqtt-publish-qos'] ?? message.properties.deliveryMode - 1),
      });
    },
    { noAck: true },
  );
  const clients: MqttClient[] = [];
  const others: RunningFront[] = [];
  let devices = 0;
  const begin = async (more: Readonly<Record<string, string>> = {}): Promise<RunningFront> => {
    const front = await start({
      MUSTER_NATS_URL: nats.url,
      MUSTER_BROKER_MQTT_URL: brokerMqttUrl(),
      MUSTER_MQTT_PORT: '0',
      MUSTER_LOG_LEVEL: 'silent',
      MUSTER_MQTT_STAMP_DUPLICATES: 'on',
      ...env,
      ...more,
    });
    await eventually(
      async () => {
        const { failing } = await front.ops.health.ready();
        if (failing.length > 0) throw new Error(JSON.stringify(failing));
        return true;
      },
      { what: 'the front is ready', deadlineMs: 15_000 },
    );
    return front;
  };
  const run: FrontRun = {
    world,
    nats,
    services,
    front: await begin(),
    arrived,
    isBrokerFive: Number.parseInt(broker.connection.serverProperties.version, 10) >= 4,
    port: () => run.front.port,
    push: (routingKey, body) =>
      void channel.publish('amq.topic', routingKey, Buffer.from(body), {
        persistent: true,
        headers: { 'x-mqtt-publish-qos': 1, 'x-pushed': true },
      }),
    newDevice: () => {
      devices += 1;
      const id = `front-${process.pid}-${devices}`;
      return { id, token: world.device(id).token };
    },
    client: async (options = {}) => {
      const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${run.front.port}`, {
        reconnectPeriod: 0,
        ...options,
      });
      client.on('error', () => undefined);
      clients.push(client);
      return client;
    },
    begin: async () => {
      run.front = await begin();
    },
    another: async (more) => {
      const front = await begin(more);
      others.push(front);
      return front;
    },
    restart: async (more) => {
      await run.front.stop();
      run.front = await begin(more);
    },
    stop: async () => {
      for (const client of clients) await client.endAsync(true);
      await run.front.stop();
      for (const front of others) await front.stop();
      // Nobody consumes them here.
      for (const name of ['', '.configuration', '.registry', '.commands', '.firmware']) {
        await channel.purgeQueue(`muster.uplink${name}`);
      }
      await broker.close();
      await services.stop();
      await nats.stop();
    },
  };
  return run;
};
