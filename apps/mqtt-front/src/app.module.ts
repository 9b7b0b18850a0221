import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppError } from '@muster/contracts';
import { connectionBounds, trustedProxiesOf, type ConnectionBounds } from '@muster/limits';
import { connectBus, NatsStrategy, type Bus } from '@muster/messaging';
import {
  createLogger,
  NestLogger,
  openOperations,
  type Health,
  type Logger,
  type Metrics,
  type RunningApp,
} from '@muster/observability';
import {
  AccessQuestions,
  BoundedLog,
  DeviceDirectory,
  DirectoryFollower,
  rateLimitsOf,
  Sightings,
  arrivalClock,
} from '@muster/uplink';
import pLimit from 'p-limit';
import { BrokerNodes } from './broker/broker-nodes.js';
import { BrokerSession } from './broker/broker-session.js';
import { BrokerWatch } from './broker/broker-watch.js';
import { BufferRoom } from './client/buffer-room.js';
import type { ClientParts } from './client/client-parts.js';
import { Client } from './client/client.js';
import { Clients } from './client/clients.js';
import { DeviceAccess } from './client/device-access.js';
import { FrontMetrics } from './client/front-metrics.js';
import { KeptSessions } from './client/kept-sessions.js';
import { OtherFronts } from './client/other-fronts.js';
import { Pace } from './client/pace.js';
import { loadConfig, type Config } from './config.js';
import type { OnEarlyEnd } from './listen/listener.js';
import { listen, type Listeners } from './listen/listeners.js';
import { openLogin } from './login/login.js';
import { DoorPresence } from './presence/door-presence.js';
import { parkReport, presenceReplays } from './presence/parked-report.js';

const SERVICE = 'mqtt-front';

@Module({})
export class AppModule {}

export interface RunningFront extends RunningApp {
  /** Where devices reach it by plain MQTT. */
  readonly port: number;
  /** By MQTT over TLS; undefined: there is no certificate. */
  readonly tlsPort: number | undefined;
}

/** Resolves when clients are let in. The broker and device-registry may come later: until then they are told to come again. */
export const start = async (env?: Readonly<Record<string, string | undefined>>): Promise<RunningFront> => {
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
  const { follower, parts, bounds, trustedProxies, sightings, others } = makeParts(
    config,
    bus,
    logger,
    metrics,
  );
  const onEarlyEnd: OnEarlyEnd = (reason) => parts.metrics.ended(reason);
  const { room } = parts;
  const listeners = await listen(config, { bounds, room, trustedProxies, logger, onEarlyEnd }, (arrival) => {
    new Client(arrival, parts);
  });
  const app = await NestFactory.createMicroservice(AppModule, {
    strategy: new NatsStrategy({
      bus,
      service: SERVICE,
      logger,
      metrics,
      replays: presenceReplays(bus, config.leaseSeconds),
    }),
    logger: new NestLogger(logger),
    abortOnError: false,
  });
  await app.listen();
  addChecks(health, bus, follower, parts);
  addGauges(metrics, parts.clients, bounds, listeners);
  health.started();
  return {
    name: SERVICE,
    ops: operations,
    stopSeconds: config.stopSeconds,
    port: listeners.port,
    tlsPort: listeners.tlsPort,
    stop: async () => {
      health.waitsFor('stopping', 'connections are being closed');
      const closed = listeners.close();
      await parts.clients.drain(config.drainSeconds * 1_000);
      await closed;
      await app.close();
      await parts.login.stop();
      await parts.presence.stop();
      await parts.broker.watch.stop();
      others.stop();
      await sightings.stop();
      await follower.stop();
      await bus.close();
      await operations.close();
    },
  };
};

const makeParts = (config: Config, bus: Bus, logger: Logger, metrics: Metrics) => {
  const directory = new DeviceDirectory('mqtt');
  const clients = new Clients(config);
  const follower = new DirectoryFollower(directory, bus, logger, (deviceIds) => {
    for (const deviceId of deviceIds) clients.review(deviceId);
  });
  const sightings = new Sightings(directory, bus, logger);
  const nodes = new BrokerNodes(config.brokerUrl);
  const watch = new BrokerWatch(nodes, logger);
  const trustedProxies = trustedProxiesOf(config.trustedProxies);
  const bounds = connectionBounds({
    ...config,
    unproved: config.strangers,
    ratePerAddress: { perSecond: config.connectsPerSecond, burst: config.connectBurst },
    trustedProxies,
  });
  const inTurn = pLimit(config.brokerConnects);
  const refusals = new BoundedLog(logger);
  const endSession = (brokerId: string): void => {
    inTurn(() => BrokerSession.discard(nodes, brokerId)).then(
      () => refusals.info(brokerId, { brokerId }, 'a session was ended: its device has more than it may'),
      (error: unknown) => logger.warn({ err: error, brokerId }, 'a session could not be ended'),
    );
  };
  const sessions = new KeptSessions(config, (brokerId) => clients.isConnected(brokerId), endSession);
  const others = new OtherFronts(bus, logger, { clients, sessions });
  const parts: ClientParts = {
    options: config,
    login: openLogin(
      {
        anonymous: config.anonymous === 'on',
        guesses: { burst: config.wrongLoginsAtOnce, perMinute: config.wrongLoginsPerMinute },
        atOnce: config.loginsAtOnce,
        timeoutMs: config.loginTimeoutMs,
      },
      { bus, logger, metrics, onClosed: (deviceId) => clients.review(deviceId) },
    ),
    presence: new DoorPresence({
      bus,
      leaseSeconds: config.leaseSeconds,
      park: parkReport(bus),
      logger,
      metrics,
    }),
    access: new DeviceAccess(directory, new AccessQuestions(directory, bus)),
    sightings,
    pace: new Pace({
      ...rateLimitsOf(config),
      guesses: { burst: config.guessesAtOnce, perSecond: config.guessesPerMinute / 60 },
    }),
    clients,
    sessions,
    others,
    room: new BufferRoom(config.bufferBytes, config.maxPacketBytes),
    broker: {
      nodes,
      watch,
      inTurn,
    },
    bounds,
    checkReady: () => {
      if (!follower.isLoaded) throw new AppError('unavailable', 'the devices are not known yet');
      if (!watch.isThere) throw new AppError('unavailable', 'the broker is away');
    },
    arrival: arrivalClock(),
    logger,
    refusals,
    metrics: new FrontMetrics(metrics),
  };
  return { follower, sightings, bounds, trustedProxies, parts, others };
};

const addChecks = (
  health: Health,
  bus: Bus,
  follower: DirectoryFollower,
  { broker, presence, login }: ClientParts,
): void => {
  health.add('nats', () => {
    if (!bus.isConnected()) throw new Error('not connected');
  });
  health.add('device-directory', () => {
    if (!follower.isLoaded) throw new Error('not read yet; device-registry has not answered');
  });
  health.add('broker', () => {
    if (!broker.watch.isThere) throw new Error('not connected');
  });
  health.add('login', () => {
    if (!login.isReady()) throw new Error('does not hear yet of what is taken back');
  });
  health.add('presence', () => {
    if (!presence.isReady()) throw new Error('device-registry has not been told yet');
  });
};

const addGauges = (
  metrics: Metrics,
  clients: Clients,
  bounds: ConnectionBounds,
  { certificate }: Pick<Listeners, 'certificate'>,
): void => {
  const gauge = (name: string, help: string, read: () => number): void =>
    metrics.gaugeOf(name, help, () => Promise.resolve(read()));
  gauge('muster_mqtt_front_connections', 'Connections that are open', () => bounds.open);
  gauge('muster_mqtt_front_strangers', 'Those that have not shown who they are', () => bounds.unproved);
  gauge('muster_mqtt_front_clients', 'Clients that have a device', () => clients.bound);
  gauge(
    'muster_mqtt_front_bounded',
    'Connections closed since the start because of a bound',
    () => bounds.closed,
  );
  if (certificate === undefined) return;
  gauge(
    'muster_mqtt_front_certificate_ends_timestamp_seconds',
    'When what it shows over TLS stops being valid, in seconds since 1970',
    () => certificate.endsAt(),
  );
};
