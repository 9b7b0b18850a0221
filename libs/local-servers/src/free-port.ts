import { createServer } from 'node:net';

/**
 * Ports that others may be given at random begin at 32768 on Linux; a server
 * that is started there now and then finds its port held by somebody's
 * outgoing connection. Everything of ours stays below.
 */
const LOWEST = 20_000;
const HIGHEST = 31_999;

/** True when 127.0.0.1:port can be bound now. Not a reservation: somebody may take it a moment later. */
export const isFree = (port: number, host = '127.0.0.1'): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });

/** A port that is free at this moment, below 32768. Chosen at random, so that parallel callers rarely meet. */
export const freePort = async (): Promise<number> => {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port between ${LOWEST} and ${HIGHEST} on 127.0.0.1`);
};

/** The base of a range of ports of which the given offsets are all free at this moment. */
export const freePortBase = async (offsets: readonly number[]): Promise<number> => {
  const widest = Math.max(...offsets);
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const base = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST - widest));
    const free = await Promise.all(offsets.map((offset) => isFree(base + offset)));
    if (free.every(Boolean)) return base;
  }
  throw new Error(`no free range of ports between ${LOWEST} and ${HIGHEST} on 127.0.0.1`);
};
