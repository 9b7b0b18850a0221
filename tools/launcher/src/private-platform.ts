import { rmSync } from 'node:fs';
import {
  bringUp,
  bringUpNats,
  bringUpPostgres,
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
  readonly adminApiKeyFile: string;
  /** Where it is written what runs. */
  readonly directory: string;
  /** Stops everything and removes its data. */
  readonly stop: () => Promise<void>;
};

/**
 * PostgreSQL, durable as in production, NATS and those applications of the checkout at `root`, each a process of its own, on
 * free ports: for a bench that fills tables with its own hands, which it must not do to what `npm start` runs. No
 * RabbitMQ, so none of the adapters that need it.
 */
export const startPrivatePlatform = async (
  root: string,
  run: string,
  names: readonly string[],
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
    await Promise.all([bringUpPostgres(instance), bringUpNats(instance)]);
    await migrateDatabase(instance);
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
    adminApiKeyFile: instance.secrets.adminApiKeyFile,
    directory: settings.home,
    stop,
  };
};
