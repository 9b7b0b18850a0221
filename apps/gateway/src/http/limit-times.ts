import type { Server } from 'node:http';

/**
 * How long connections may take. Node's five minutes for a whole request would cut off the upload of a firmware of 512 MB
 * over anything slower than 14 Mbit/s, every time anew. So a request may take long as long as something moves: longer than
 * a command is waited for (60 s), in which nothing does.
 */
export const limitTimes = (server: Server): void => {
  server.requestTimeout = 3_600_000;
  server.timeout = 120_000;
  server.headersTimeout = 10_000;
};
