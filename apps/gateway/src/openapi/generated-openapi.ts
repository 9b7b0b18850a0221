import { AppError } from '@muster/contracts';
import type { FileStore } from '@muster/files';
import { GuessLimit } from '@muster/limits';
import { createLogger, createMetrics } from '@muster/observability';
import type { OpenAPIObject } from '@nestjs/swagger';
import { gatewayApp } from '../app.module.js';
import { openApiDocument } from './document.js';

const notHere = () => Promise.reject(new AppError('unavailable', 'There are no files here.'));

const noBus = () => Promise.reject(new AppError('unavailable', 'There is no bus here.'));

const NO_FILES: FileStore = {
  put: notHere,
  open: notHere,
  size: notHere,
  remove: notHere,
  ping: notHere,
  close: () => undefined,
};

/** The document without a bus and without listening. */
export const generatedOpenApi = async (): Promise<OpenAPIObject> => {
  const app = await gatewayApp({
    asking: { request: noBus },
    following: noBus,
    tailing: {
      extentOf: noBus,
      tail: () => {
        throw new AppError('unavailable', 'There is no bus here.');
      },
      maxStreams: 0,
      maxSources: 0,
      keepAliveMs: 0,
    },
    files: { store: NO_FILES, firmwareMaxBytes: 1, importMaxBytes: 1 },
    adminApiKey: 'none',
    guesses: new GuessLimit({ burst: 1, perMinute: 1 }),
    own: { trustedProxies: new Set() },
    requestsPerMinute: 1,
    bodyTimeoutMs: 1_000,
    logger: createLogger({ service: 'gateway', level: 'silent' }),
    metrics: createMetrics('gateway'),
  });
  try {
    return openApiDocument(app);
  } finally {
    await app.close();
  }
};
