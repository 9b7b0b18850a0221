import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Downlink as DeviceDownlink, reactorsOf } from '@muster/downlink';
import { formatRoutingKey, pushTopic } from '@muster/kp1';
import { connectBus, NatsStrategy, type Bus } from '@muster/messaging';
import {
  createLogger,
  finishMs,
  type Health,
  NestLogger,
  openOperations,
  type Logger,
  type Metrics,
  type RunningApp,
} from '@muster/observability';
import { openUplink, type Uplink } from '@muster/uplink';
import { BrokerEvents } from './broker/broker-events.js';
import { assertTopology, channelOf, Downlink, RabbitConnection } from './broker/rabbitmq-connection.js';
import { Sessions } from './broker/sessions.js';
import { Subscribers } from './broker/subscribers.js';
import { DESTINATIONS } from './broker/topology.js';
import { loadConfig, type Config } from './config.js';
import { inboundMessages } from './inbound/inbound-message.js';
import { parkMessage, replaysOf } from './inbound/parked-messages.js';
import { headersOf, UplinkConsumer } from './inbound/uplink-consumer.js';
import { mqttWire } from './outbound/mqtt-wire.js';
import { PushWhenReachable } from './outbound/push-when-reachable.js';
import { Responder } from './outbound/respond.js';
import { UnheardAnswers } from './outbound/unheard-answers.js';

const SERVICE = 'mqtt-adapter';

@Module({})
export class AppModule {
  static of(controllers: NonNullable<DynamicModule['controllers']>): DynamicModule {
    return { module: AppModule, controllers };
  }
}

/**
 * RabbitMQ and device-registry may come later, in any order: until they are there nothing is consumed, and the health page
 * names what is missing. Waits for NATS.
 */
export const start = async (env?: Readonly<Record<string, string | undefined>>): Promise<RunningApp> => {
  const config = loadConfig(env);
  const logger = createLogger({ service: SERVICE, level: config.logLevel });
  const operations = await openOperations({ name: SERVICE, ...config });
  const { health, metrics } = operations;
  health.waitsFor('nats');
  const bus = await connectBus({
    url: config.natsUrl,
    credentials: config.natsCredentials,
    name: SERVICE,
    logger,
    metrics,
  });
  health.waitsFor('start');

  const parts = makeParts(config, bus, logger, metrics);
  const { uplink, consumers, downlink, reachable } = parts;
  const stopping = new AbortController();
  let isAgain = false;
  const events = new BrokerEvents({
    handle: (event) => reachable.handle(event),
    follower: reachable,
    missed: () => void parts.offers.makeUp(stopping.signal),
    logger,
  });
  const uplinkConnection = new RabbitConnection({
    url: config.amqpUrl,
    name: `${SERVICE} uplink`,
    logger,
    open: async (connection) => {
      await assertTopology(connection);
      // Without the directory every message would have to be asked for.
      await uplink.follower.loaded;
      for (const consumer of consumers) await consumer.open(connection);
      parts.sessions.forget();
      // Who was away is not known any more, and neither is what was kept from them.
      if (isAgain) void parts.offers.makeUp(stopping.signal);
      isAgain = true;
      await events.open(connection);
    },
    lost: () => {
      for (const consumer of consumers) consumer.lost();
    },
  });
  // A connection of its own: a broker that is short of memory stops reading from those that publish, and our
  // acknowledgements, which would relieve it, must not wait behind that.
  const downlinkConnection = new RabbitConnection({
    url: config.amqpUrl,
    name: `${SERVICE} downlink`,
    logger,
    open: async (connection) => {
      downlink.attach(await channelOf(connection, () => connection.createConfirmChannel(), logger));
    },
    lost: () => downlink.detach(),
  });

  downlinkConnection.start();
  uplinkConnection.start();
  const app = await NestFactory.createMicroservice(AppModule.of(reactorsOf(SERVICE, parts.offers)), {
    strategy: new NatsStrategy({
      bus,
      service: SERVICE,
      logger,
      metrics,
      pace: config,
      replays: replaysOf(uplink),
    }),
    logger: new NestLogger(logger),
    abortOnError: false,
  });
  await app.listen();

  addChecks(health, bus, uplink, [uplinkConnection, downlinkConnection]);
  health.started();
  void parts.offers.makeUp(stopping.signal);
  logger.info('started');

  return {
    name: SERVICE,
    ops: operations,
    stopSeconds: config.stopSeconds,
    stop: async () => {
      stopping.abort();
      for (const consumer of consumers) await consumer.pause();
      await app.close();
      await finished(consumers, uplink, finishMs(config));
      uplink.giveUp();
      reachable.stop();
      parts.offers.stop();
      for (const consumer of consumers) consumer.flush();
      await uplinkConnection.stop();
      await downlinkConnection.stop();
      await uplink.stop();
      await bus.close();
      await operations.close();
    },
  };
};

const makeParts = (config: Config, bus: Bus, logger: Logger, metrics: Metrics) => {
  const sessions = new Sessions();
  const uplink = openUplink({
    ...config,
    reachedSince: (topic) => isoOf(sessions.reachedSince(formatRoutingKey(pushTopic(topic)))),
    door: 'mqtt',
    bus,
    logger,
    metrics,
  });
  const subscribers = new Subscribers();
  const downlink = new Downlink();
  const answers = new UnheardAnswers(downlink, config, logger, metrics);
  const responder = new Responder(answers, logger, metrics);
  const handle = inboundMessages({
    uplink,
    respond: responder,
    park: parkMessage(bus, uplink),
    handOn: (exchange, message) => {
      const { routingKey, payload: body, qos } = message;
      return downlink.handOn({ exchange, routingKey, body, qos, headers: headersOf(message) });
    },
    logger,
    metrics,
  });
  const consumers = DESTINATIONS.map(
    (destination) => new UplinkConsumer(destination, handle, config.prefetch, uplink.arrival, logger),
  );
  const offers = new DeviceDownlink({
    wire: mqttWire(downlink, sessions),
    uplink,
    bus,
    logger,
    metrics,
    inFlight: config.pushesInFlight,
    perSecond: config.pushesPerSecond,
  });
  const reachable = new PushWhenReachable({
    downlink: offers,
    questions: uplink.questions,
    subscribers,
    sessions,
    answers,
  });
  return {
    uplink,
    sessions,
    downlink,
    consumers,
    offers,
    reachable,
  };
};

const isoOf = (at: number | undefined): string | undefined =>
  at === undefined ? undefined : new Date(at).toISOString();

const addChecks = (
  health: Health,
  bus: Bus,
  { follower, checkServices }: Pick<Uplink, 'follower' | 'checkServices'>,
  connections: readonly RabbitConnection[],
): void => {
  health.add('nats', () => {
    if (!bus.isConnected()) throw new Error('not connected');
  });
  health.add('rabbitmq', () => {
    if (!connections.every((connection) => connection.isOpen())) throw new Error('not connected');
  });
  health.add('device-directory', () => {
    if (!follower.isLoaded) throw new Error('not read yet; device-registry has not answered');
  });
  health.add('services', checkServices);
};

/** What is not finished within that comes again to the next process. While a service is away, what waits for it would not be finished in time either. */
const finished = async (
  consumers: readonly Pick<UplinkConsumer, 'inFlight'>[],
  uplink: Pick<Uplink, 'isServiceAway'>,
  withinMs: number,
): Promise<void> => {
  const deadline = Date.now() + withinMs;
  const isWorthWaiting = () => consumers.some(({ inFlight }) => inFlight > 0) && !uplink.isServiceAway();
  while (isWorthWaiting() && Date.now() < deadline) await sleep(20);
};
