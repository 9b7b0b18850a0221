import { Agent, request } from 'node:http';
import { apiKey, platform } from './platform.js';

/** What callers got done at the same time. */
export interface Calls {
  readonly perSecond: number;
  readonly failed: number;
  /** Milliseconds of each call that succeeded. */
  readonly latencies: readonly number[];
}

/**
 * REST calls over kept connections, by node:http: `fetch` costs the caller three times the CPU, which on one machine is
 * taken from what is measured. A kept connection may be closed at the other end in the moment it is used, which looks like
 * a fault; without `keepAlive` each call has one of its own.
 */
export const caller = (connections: number, { keepAlive = true }: { readonly keepAlive?: boolean } = {}) => {
  const agent = new Agent({ keepAlive, maxSockets: connections });
  const { hostname, port } = new URL(platform.url);
  const key = apiKey();
  return {
    call: (method: string, path: string, body?: object): Promise<{ status: number; text: string }> =>
      new Promise((resolve, reject) => {
        const payload = body === undefined ? undefined : JSON.stringify(body);
        const headers = {
          'x-api-key': key,
          ...(payload === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
        };
        const sent = request({ agent, hostname, port, method, path: `/api/v1${path}`, headers }, (answer) => {
          let text = '';
          answer.setEncoding('utf8').on('data', (some: string) => (text += some));
          answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
          answer.on('error', reject);
        });
        sent.on('error', reject);
        sent.end(payload);
      }),
    close: () => agent.destroy(),
  };
};

/** `callers` of them, each one call after another, for so many seconds. `work` resolves with whether it succeeded. */
export const callFor = async (
  seconds: number,
  callers: number,
  work: (n: number) => Promise<boolean>,
): Promise<Calls> => {
  const latencies: number[] = [];
  let failed = 0;
  let n = 0;
  const began = performance.now();
  const end = began + seconds * 1_000;
  const one = async (): Promise<void> => {
    for (let from = performance.now(); from < end; from = performance.now()) {
      n += 1;
      if (await work(n)) latencies.push(performance.now() - from);
      else failed += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, one));
  return { perSecond: latencies.length / ((performance.now() - began) / 1_000), failed, latencies };
};
