import { openFileStore, type FileStore } from '@muster/files';
import { connectBus, type Bus } from '@muster/messaging';
import { trustedProxiesOf } from '@muster/limits';
import { createLogger, finishMs, type Health, openOperations, type RunningApp } from '@muster/observability';
import { openUplink, rateLimitsOf, type Uplink } from '@muster/uplink';
import { loadConfig } from './config.js';
import { downloadRoute } from './files/download.route.js';
import { UploadPace } from './files/upload-pace.js';
import { uploadRoute } from './files/upload.route.js';
import { startDeviceServer } from './http/device-server.js';
import { Strangers } from './http/strangers.js';
import { enrolRoute } from './kp1/enrol.route.js';
import { kp1Route } from './kp1/kp1.route.js';

const SERVICE = 'http-adapter';

export interface RunningHttpAdapter extends RunningApp {
  /** Where devices reach it. */
  readonly port: number;
}

/** Resolves when devices are answered. Waits for NATS; the services may come later, and requests get 503 until then. */
export const start = async (
  env?: Readonly<Record<string, string | undefined>>,
): Promise<RunningHttpAdapter> => {
  const config = loadConfig(env);
  const { bodyTimeoutMs } = config;
  const logger = createLogger({ service: SERVICE, level: config.logLevel });
  const operations = await openOperations({ name: SERVICE, ...config });
  const { health, metrics } = operations;
  const store = await openFileStore(config);
  health.waitsFor('nats');
  const bus = await connectBus({
    url: config.natsUrl,
    credentials: config.natsCredentials,
    name: SERVICE,
    logger,
    metrics,
  });
  const uplink = openUplink({
    ...config,
    door: 'http',
    rateLimits: rateLimitsOf(config),
    bus,
    logger,
    metrics,
  });
  const strangers = new Strangers(config);
  const server = await startDeviceServer({
    ...config,
    trustedProxies: trustedProxiesOf(config.trustedProxies),
    routes: [
      enrolRoute({ ...config, bus }),
      kp1Route({ ...config, uplink, strangers, logger, metrics }),
      uploadRoute({
        bus,
        store,
        strangers,
        pace: new UploadPace(config),
        idleTimeoutMs: bodyTimeoutMs,
        uploadTimeoutMs: config.uploadTimeoutMs,
      }),
      downloadRoute({
        bus,
        store,
        strangers,
        stallTimeoutMs: config.downloadStallMs,
        checkEveryMs: config.downloadCheckMs,
      }),
    ],
    logger,
  });
  addChecks(health, bus, uplink, store);
  health.started();
  logger.info({ host: config.host, port: server.port }, 'the device API listens');
  return {
    name: SERVICE,
    ops: operations,
    stopSeconds: config.stopSeconds,
    port: server.port,
    stop: async () => {
      // What waits for a service that is away is told so; the rest has its answers in a moment.
      if (uplink.isServiceAway()) uplink.giveUp();
      await server.close(finishMs(config));
      uplink.giveUp();
      await uplink.stop();
      await bus.close();
      store.close();
      await operations.close();
    },
  };
};

const addChecks = (health: Health, bus: Bus, { follower, checkServices }: Uplink, store: FileStore): void => {
  health.add('nats', () => {
    if (!bus.isConnected()) throw new Error('not connected');
  });
  health.add('device-directory', () => {
    if (!follower.isLoaded) throw new Error('not read yet; device-registry has not answered');
  });
  health.add('services', checkServices);
  health.add('files', () => store.ping());
};
