import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AppError } from '@muster/contracts';
import { openFileStore } from '@muster/files';
import { connectBus, subscribeLive } from '@muster/messaging';
import {
  combineOps,
  createLogger,
  finishMs,
  openOperations,
  opsHandler,
  pagesOfProcess,
  remoteOps,
  stopperOf,
  type OpsParts,
  type RunningApp,
} from '@muster/observability';
import { gatewayApp } from './app.module.js';
import { companionsOf, gatewayConfig } from './config.js';
import { limitTimes } from './http/limit-times.js';
import { relativeErrors } from './http/relative-errors.js';
import { answerNotYet } from './http/not-yet.js';

const SERVICE = 'gateway';

export interface RunningGateway extends RunningApp {
  /** Where the API listens. */
  readonly port: number;
}

/**
 * Resolves when the API is served. Listens at once, and waits for NATS as long as it takes: until then every request is
 * answered with 503, but for the pages of health and metrics, which are on this port where they have none of their own.
 */
export const start = async (env?: NodeJS.ProcessEnv): Promise<RunningGateway> => {
  const config = gatewayConfig(env);
  const companions = companionsOf(config).map(({ name, url }) => ({ name, ops: remoteOps(url) }));
  const logger = createLogger({ service: SERVICE, level: config.logLevel });
  const operations = await openOperations({ name: SERVICE, ...config });
  const { health, metrics } = operations;
  const own = pagesOfProcess();
  const pages: OpsParts =
    companions.length === 0 ? own : combineOps([{ name: SERVICE, ops: own }, ...companions]);
  const ops = config.opsPort === undefined ? opsHandler(pages) : undefined;

  let serve: RequestListener = (request, response) => {
    if (ops?.(request, response) !== true) answerNotYet(response);
  };
  const server = createServer((request, response) => serve(request, response));
  limitTimes(server);
  const stopServer = stopperOf(server);
  server.listen(config.port, config.host);
  await once(server, 'listening');

  const store = await openFileStore(config);
  health.waitsFor('nats');
  const bus = await connectBus({
    url: config.natsUrl,
    credentials: config.natsCredentials,
    name: SERVICE,
    logger,
    metrics,
  });
  health.waitsFor('start');
  health.add('nats', () => {
    if (!bus.isConnected()) throw new AppError('unavailable', 'not connected');
  });
  const app = await gatewayApp({
    asking: relativeErrors(bus, config.requestTimeoutMs),
    following: (options) => subscribeLive(bus, { ...options, logger }),
    files: { store, firmwareMaxBytes: config.firmwareMaxBytes },
    adminApiKey: config.adminApiKey,
    requestsPerMinute: config.requestsPerMinute,
    logger,
    metrics,
    ...(ops === undefined ? {} : { ops }),
  });
  await app.init();
  serve = app.getHttpAdapter().getInstance() as RequestListener; // Express's application is one
  health.started();
  const { port } = server.address() as AddressInfo; // a TCP server's address is never a pipe's name
  logger.info({ host: config.host, port }, 'the REST API listens');
  return {
    name: SERVICE,
    ops: operations,
    stopSeconds: config.stopSeconds,
    port,
    stop: async () => {
      // Together: closing the application lets go of those who wait for a device, and the server answers them.
      await Promise.all([stopServer(finishMs(config)), app.close()]);
      await bus.close();
      store.close();
      await operations.close();
    },
  };
};
