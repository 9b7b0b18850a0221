import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import { AppError } from '@muster/contracts';
import { openFileStore } from '@muster/files';
import { connectBus, subscribeLive } from '@muster/messaging';
import {
  combineOps,
  createLogger,
  createMetrics,
  Health,
  opsHandler,
  startOpsServer,
  type RunningApp,
} from '@muster/observability';
import { gatewayApp } from './app.module.js';
import { gatewayConfig } from './config.js';
import { limitTimes } from './http/limit-times.js';
import { relativeErrors } from './http/relative-errors.js';

export interface RunningGateway extends RunningApp {
  /** Where the API listens. */
  readonly port: number;
}

/**
 * Resolves when the API listens. Waits for NATS as long as it takes. The health and metrics pages speak for
 * `companions` too, apps that run in the same process.
 */
export const start = async (
  env?: NodeJS.ProcessEnv,
  companions: readonly RunningApp[] = [],
): Promise<RunningGateway> => {
  const config = gatewayConfig(env);
  const name = 'gateway';
  const logger = createLogger({ service: name, level: config.logLevel });
  const metrics = createMetrics(name);
  const health = new Health();
  const bus = await connectBus({
    url: config.natsUrl,
    credentials: config.natsCredentials,
    name,
    logger,
    metrics,
  });
  health.add('nats', () => {
    if (!bus.isConnected()) throw new AppError('unavailable', 'not connected');
  });
  const store = await openFileStore(config);
  const ops = { health, metrics };
  const pages = companions.length === 0 ? ops : combineOps([...companions, { name, ops }]);
  const opsServer =
    config.opsPort === undefined
      ? undefined
      : await startOpsServer({ port: config.opsPort, host: config.opsHost, ...pages });
  const app = await gatewayApp({
    asking: relativeErrors(bus, config.requestTimeoutMs),
    following: (options) => subscribeLive(bus, { ...options, logger }),
    files: { store, firmwareMaxBytes: config.firmwareMaxBytes },
    adminApiKey: config.adminApiKey,
    requestsPerMinute: config.requestsPerMinute,
    logger,
    metrics,
    ...(opsServer === undefined ? { ops: opsHandler(pages) } : {}),
  });
  const server = app.getHttpServer() as Server; // Nest types it any; the adapter is Express on node:http
  limitTimes(server);
  await app.listen(config.port, config.host);
  const { port } = server.address() as AddressInfo; // a TCP server's address is never a pipe's name
  logger.info({ host: config.host, port }, 'the REST API listens');
  return {
    name,
    ops,
    port,
    stop: async () => {
      // Connections that become idle while we wait for the last answers would hold the server open for seconds.
      const sweep = setInterval(() => server.closeIdleConnections(), 50);
      await app.close().finally(() => clearInterval(sweep));
      await opsServer?.close();
      await bus.close();
      store.close();
    },
  };
};
