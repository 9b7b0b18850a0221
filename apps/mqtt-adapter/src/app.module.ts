import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { connectBus, NatsStrategy, park, type Bus } from '@muster/messaging';
import {
  createLogger,
  createMetrics,
  Health,
  NestLogger,
  startOpsServer,
  type Logger,
  type Metrics,
  type RunningApp,
} from '@muster/observability';
import { BoundedLog } from './bounded-log.js';
import { consumeBrokerEvents } from './broker/broker-events.js';
import { startMqttAuth } from './broker/mqtt-auth.controller.js';
import { assertTopology, channelOf, Downlink, RabbitConnection } from './broker/rabbitmq-connection.js';
import { Subscribers } from './broker/subscribers.js';
import { loadConfig, type Config } from './config.js';
import { AccessQuestions } from './directory/access-questions.js';
import { DeviceDirectory } from './directory/device-directory.js';
import { DirectoryFollower } from './directory/directory-follower.js';
import { Sightings } from './directory/sightings.js';
import { ConfigurationRoutes } from './inbound/configuration.route.js';
import { inboundMessages, type InboundMessage } from './inbound/inbound-message.js';
import { routesOf } from './inbound/routes.js';
import { TelemetryRoute } from './inbound/telemetry.route.js';
import { UplinkConsumer } from './inbound/uplink-consumer.js';
import { ConfigurationPusher } from './outbound/push-configuration.js';
import { PushConfigurationReactor } from './outbound/push-configuration.reactor.js';
import { PushWhenReachable } from './outbound/push-when-reachable.js';
import { Responder } from './outbound/respond.js';

const SERVICE = 'mqtt-adapter';
/** What was taken from the broker is finished within this, or comes again to the next process. */
const FINISH_MS = 8_000;

@Module({})
export class AppModule {
  static of(providers: NonNullable<DynamicModule['providers']>): DynamicModule {
    return { module: AppModule, controllers: [PushConfigurationReactor], providers };
  }
}

/**
 * Resolves when the broker's callbacks are answered. RabbitMQ and device-registry may come later, in any order: until they
 * are there nothing is consumed, and the health page names what is missing. Waits for NATS.
 */
export const start = async (env?: Readonly<Record<string, string | undefined>>): Promise<RunningApp> => {
  const config = loadConfig(env);
  const logger = createLogger({ service: SERVICE, level: config.logLevel });
  const metrics = createMetrics(SERVICE);
  const bus = await connectBus({ url: config.natsUrl, name: SERVICE, logger, metrics });

  const parts = makeParts(config, bus, logger, metrics);
  const { follower, downlink, uplink, reachable, responder } = parts;
  const uplinkConnection = new RabbitConnection({
    url: config.amqpUrl,
    name: `${SERVICE} uplink`,
    logger,
    open: async (connection) => {
      await assertTopology(connection);
      // Without the directory every message would have to be asked for.
      await follower.loaded;
      await uplink.open(connection);
      await consumeBrokerEvents(connection, (event) => reachable.handle(event), logger);
    },
    lost: () => uplink.lost(),
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

  const auth = await startMqttAuth({
    host: config.authHost,
    port: config.authPort,
    anonymous: config.anonymous === 'on',
    unknownResource: (routingKey) => void responder.unknownResource(routingKey),
    logger,
    metrics,
    ...parts,
  });
  downlinkConnection.start();
  uplinkConnection.start();
  const app = await NestFactory.createMicroservice(
    AppModule.of([
      { provide: ConfigurationPusher, useValue: parts.pusher },
      { provide: DirectoryFollower, useValue: follower },
    ]),
    {
      strategy: new NatsStrategy({ bus, service: SERVICE, logger, metrics }),
      logger: new NestLogger(logger),
      abortOnError: false,
    },
  );
  await app.listen();

  const health = healthOf(bus, parts, [uplinkConnection, downlinkConnection]);
  const ops = { health, metrics };
  const server =
    config.opsPort === undefined ? undefined : await startOpsServer({ port: config.opsPort, ...ops });
  logger.info({ authPort: auth.port }, 'started');

  return {
    name: SERVICE,
    ops,
    stop: async () => {
      await uplink.pause();
      await app.close();
      await finished(uplink, parts.batchers);
      for (const batcher of parts.batchers) batcher.stop();
      reachable.stop();
      uplink.flush();
      await uplinkConnection.stop();
      await downlinkConnection.stop();
      // Last of the broker's parts: without an answer it refuses every device.
      await auth.close();
      await parts.sightings.stop();
      await follower.stop();
      await bus.close();
      await server?.close();
    },
  };
};

const makeParts = (config: Config, bus: Bus, logger: Logger, metrics: Metrics) => {
  const directory = new DeviceDirectory();
  const follower = new DirectoryFollower(directory, bus, logger);
  const questions = new AccessQuestions(directory, bus);
  const sightings = new Sightings(directory, bus, logger);
  const refusals = new BoundedLog(logger);
  const subscribers = new Subscribers();
  const downlink = new Downlink();
  const responder = new Responder(downlink, logger, metrics);
  const batching = { logger, lanes: config.lanes, maxWaitMs: config.batchWaitMs };
  const telemetry = new TelemetryRoute({ bus, ...batching });
  const configuration = new ConfigurationRoutes(bus, batching);
  const handle = inboundMessages({
    routes: routesOf(telemetry, configuration),
    directory,
    questions,
    sightings,
    respond: responder,
    park: parkOn(bus),
    maxPayloadBytes: config.maxPayloadBytes,
    logger,
    refusals,
    metrics,
  });
  const uplink = new UplinkConsumer(handle, config.prefetch, logger);
  const pusher = new ConfigurationPusher({
    bus,
    directory,
    downlink,
    logger,
    metrics,
    inFlight: config.pushesInFlight,
  });
  const reachable = new PushWhenReachable({ pusher, directory, subscribers, logger });
  const batchers = [telemetry.batcher, configuration.batcher];
  return {
    directory,
    follower,
    questions,
    sightings,
    refusals,
    subscribers,
    downlink,
    responder,
    uplink,
    pusher,
    reachable,
    batchers,
  };
};

const parkOn =
  (bus: Bus) =>
  ({ routingKey, payload }: InboundMessage, reason: string): Promise<void> =>
    park(bus, {
      stream: 'rabbitmq',
      consumer: 'muster-uplink',
      id: `rabbitmq:muster-uplink:${routingKey}:${crypto.randomUUID()}`,
      subject: routingKey,
      payload,
      reason,
    });

const healthOf = (
  bus: Bus,
  { follower, batchers }: Pick<ReturnType<typeof makeParts>, 'follower' | 'batchers'>,
  connections: readonly RabbitConnection[],
): Health => {
  const health = new Health();
  health.add('nats', () => {
    if (!bus.isConnected()) throw new Error('not connected');
  });
  health.add('rabbitmq', () => {
    if (!connections.every((connection) => connection.isOpen())) throw new Error('not connected');
  });
  health.add('device-directory', () => {
    if (!follower.isLoaded) throw new Error('not read yet; device-registry has not answered');
  });
  health.add('services', () => {
    for (const batcher of batchers) batcher.check();
  });
  return health;
};

/** While a service is away, what waits for it would not be finished in time either. */
const finished = async (
  uplink: Pick<UplinkConsumer, 'inFlight'>,
  batchers: readonly { isFailing(): boolean }[],
): Promise<void> => {
  const deadline = Date.now() + FINISH_MS;
  const isWorthWaiting = () => uplink.inFlight > 0 && !batchers.some((batcher) => batcher.isFailing());
  while (isWorthWaiting() && Date.now() < deadline) await sleep(20);
};
