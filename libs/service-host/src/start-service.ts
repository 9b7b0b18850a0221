import 'reflect-metadata';
import { setTimeout as pause } from 'node:timers/promises';
import type { DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  forgetOld,
  openDatabase,
  startRelay,
  type Relay,
  type Database,
  type MigrationClass,
  type RelayOptions,
} from '@muster/event-store';
import { connectBus, NatsStrategy, type Bus, type ConsumerPace, type Replay } from '@muster/messaging';
import {
  createLogger,
  type Health,
  NestLogger,
  openOperations,
  startUpkeep,
  type Logger,
  type LogLevel,
  type Metrics,
  type RunningApp,
} from '@muster/observability';
import { parkUntold, replayUntold } from './untold-events.js';

export interface ServiceParts {
  readonly database: Database;
  readonly bus: Bus;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Work that goes on beside the requests: expiry, retention. Mostly a `startUpkeep`. */
export interface Background {
  /** Throws when it does not get on. */
  check?(): void;
  stop(): Promise<void>;
}

const FORGET_EVERY_MS = 300_000;

/** What is a service's own. */
export interface Served {
  readonly module: DynamicModule;
  /** Tells stored events to the others; absent where nothing is stored as events. */
  readonly relay?: Pick<RelayOptions, 'translate' | 'aggregates'>;
  /** How messages are handled again that were parked elsewhere than at a consumer, by the name they were parked under. */
  readonly replays?: Readonly<Record<string, Replay>>;
  /** By name; running already. Stopped after the requests and before the relay, because both cause events. */
  readonly background?: Readonly<Record<string, Background>>;
  /** Further things it cannot work without, by name; throws when one is away. */
  readonly checks?: Readonly<Record<string, () => Promise<void> | void>>;
  /** Called last. */
  readonly close?: () => Promise<void> | void;
}

export interface ServiceOptions {
  /** Also the queue group of its requests. */
  readonly name: string;
  /** Its PostgreSQL schema. */
  readonly schema: string;
  /** All of the schema; the service waits until they have run. */
  readonly migrations: readonly MigrationClass[];
  /** The stream of what it publishes. */
  readonly stream: { readonly name: string; readonly subjects: readonly string[] };
  readonly config: {
    readonly databaseUrl: string;
    readonly natsUrl: string;
    readonly natsCredentials?: string | undefined;
    readonly streamReplicas?: number | undefined;
    readonly publicUrl?: string | undefined;
    readonly logLevel: LogLevel;
    readonly opsPort?: number;
    readonly opsHost: string;
    readonly stopSeconds: number;
    readonly poolSize: number;
    readonly streamMaxAgeHours: number;
    readonly streamMaxBytes: number;
  } & ConsumerPace;
  readonly serve: (parts: ServiceParts) => Served | Promise<Served>;
}

/**
 * Starts a service that owns a PostgreSQL schema and answers over NATS. Resolves when requests are served: waits for
 * PostgreSQL, its migrations and NATS, however long they take; meanwhile it is live, and its health says what it waits for.
 * Health: database, nats, relay, and what the service adds.
 */
export const startService = async (options: ServiceOptions): Promise<RunningApp> => {
  const { name, schema, config } = options;
  const logger = createLogger({ service: name, level: config.logLevel });
  const operations = await openOperations({ name, ...config });
  const { health, metrics } = operations;

  const database = openDatabase({ url: config.databaseUrl, schema, poolSize: config.poolSize, name });
  health.waitsFor('database');
  await untilMigrated(database, options.migrations, health, logger);
  health.waitsFor('nats');
  const bus = await connectBus({
    url: config.natsUrl,
    credentials: config.natsCredentials,
    publicUrl: config.publicUrl,
    streamReplicas: config.streamReplicas,
    name,
    logger,
    metrics,
  });
  await bus.ensureStream({
    name: options.stream.name,
    subjects: options.stream.subjects,
    maxAgeMs: config.streamMaxAgeHours * 3_600_000,
    maxBytes: config.streamMaxBytes,
  });

  health.waitsFor('start');
  const served = await options.serve({ database, bus, logger, metrics });
  const background = Object.entries(served.background ?? {});
  const relayConsumer = `${name}-relay`;
  const app = await NestFactory.createMicroservice(served.module, {
    strategy: new NatsStrategy({
      bus,
      service: name,
      logger,
      metrics,
      pace: config,
      replays: {
        ...served.replays,
        ...(served.relay === undefined
          ? {}
          : { [relayConsumer]: (parked: Parameters<Replay>[0]) => replayUntold(relay, parked) }),
      },
    }),
    logger: new NestLogger(logger),
    abortOnError: false,
  });
  const relay: Relay | undefined =
    served.relay &&
    startRelay({
      database,
      service: name,
      bus,
      logger,
      metrics,
      park: (event) => parkUntold(bus, { stream: options.stream.name, consumer: relayConsumer }, event),
      ...served.relay,
    });
  const forgetting =
    served.relay &&
    startUpkeep({
      what: 'forgetting old replies and announcements',
      everyMs: FORGET_EVERY_MS,
      round: () => forgetOld(database, { service: name, announcementsKeptHours: config.streamMaxAgeHours }),
      logger,
    });
  await app.listen();

  health.add('database', () => database.ping());
  health.add('nats', () => {
    if (!bus.isConnected()) throw new Error('not connected');
  });
  if (relay !== undefined) health.add('relay', () => relay.check());
  if (forgetting !== undefined) health.add('forgetting', () => forgetting.check());
  for (const [what, work] of background) if (work.check) health.add(what, () => work.check?.());
  for (const [what, check] of Object.entries(served.checks ?? {})) health.add(what, check);
  health.started();
  logger.info('ready');

  return {
    name,
    ops: operations,
    stopSeconds: config.stopSeconds,
    stop: async () => {
      // In this order: take no more, finish what was taken, publish what that caused, then the connections.
      await app.close();
      for (const [, work] of background) await work.stop();
      await forgetting?.stop();
      await relay?.stop();
      await bus.close();
      await database.close();
      await served.close?.();
      await operations.close();
    },
  };
};

/**
 * Not only until somebody answers: before its migrations there is nothing to serve from. All of them, because an update may
 * bring one that comes before the last, of a library's tables.
 */
const untilMigrated = async (
  database: Database,
  migrations: readonly MigrationClass[],
  health: Health,
  logger: Logger,
): Promise<void> => {
  for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, 5_000)) {
    try {
      const { rows } = await database.query<{ name: string }>('SELECT name FROM migrations');
      const missing = migrations.find((migration) => !rows.some(({ name }) => name === migration.name));
      if (missing === undefined) return;
      health.waitsFor('database', `its migration ${missing.name} has not run`);
      logger.warn({ migration: missing.name, waitMs }, 'waiting for the migrations');
    } catch (error) {
      health.waitsFor('database', error instanceof Error ? error.message : String(error));
      logger.warn({ err: error, waitMs }, 'waiting for PostgreSQL and the migrations');
    }
    await pause(waitMs);
  }
};
