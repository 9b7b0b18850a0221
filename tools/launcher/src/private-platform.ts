import { rmSync } from 'node:fs';
import {
  bringUp,
  bringUpNats,
  bringUpPostgres,
  bringUpRabbitmq,
  freePortBase,
  openInstance,
  postgresPlace,
  serverUser,
  TEST_OFFSETS,
  testSettings,
  urlsOf,
} from '@muster/local-servers';
import { applications } from './applications.js';
import { migrateDatabase } from './migrate-database.js';

export type PrivatePlatform = {
  readonly databaseUrl: string;
  readonly gatewayUrl: string;
  readonly mqttUrl: string;
  readonly adminApiKeyFile: string;
  /** Where it is written what runs. */
  readonly directory: string;
  /** Stops everything and removes its data. */
  readonly stop: () => Promise<void>;
};

export type PrivatePlatformOptions = {
  /** Which applications; all, when it is not said. */
  readonly names?: readonly string[];
  /** Done with the migrated database, before any application runs. */
  readonly fill?: (databaseUrl: string) => Promise<void>;
};

/**
 * PostgreSQL, durable as in production, NATS and those applications of the checkout at `root`, each a process of its own, on
 * free ports: for a bench that fills tables with its own hands, which it must not do to what `npm start` runs. RabbitMQ only
 * where mqtt-adapter runs.
 */
export const startPrivatePlatform = async (
  root: string,
  run: string,
  { names, fill }: PrivatePlatformOptions = {},
): Promise<PrivatePlatform> => {
  const settings = {
    ...testSettings(root, `${run}-${process.pid}`, await freePortBase(TEST_OFFSETS)),
    durable: true,
  };
  const instance = await openInstance(settings, () => undefined);
  const stop = async (): Promise<void> => {
    await instance.stop();
    const { base, outside } = postgresPlace(settings, serverUser());
    if (outside) rmSync(base, { recursive: true, force: true });
    rmSync(settings.home, { recursive: true, force: true });
  };
  try {
    const withBroker = names === undefined || names.includes('mqtt-adapter');
    await Promise.all([
      bringUpPostgres(instance),
      bringUpNats(instance),
      ...(withBroker ? [bringUpRabbitmq(instance)] : []),
    ]);
    await migrateDatabase(instance);
    await fill?.(urlsOf(settings, instance.secrets).database);
    // The gateway is ready when those of them are that run.
    const wanted = applications(settings, instance.secrets, true, names);
    await Promise.all(wanted.map((application) => bringUp(instance, application)));
  } catch (error) {
    await stop();
    throw error;
  }
  const urls = urlsOf(settings, instance.secrets);
  return {
    databaseUrl: urls.database,
    gatewayUrl: urls.gateway,
    mqttUrl: urls.mqtt,
    adminApiKeyFile: instance.secrets.adminApiKeyFile,
    directory: settings.home,
    stop,
  };
};
