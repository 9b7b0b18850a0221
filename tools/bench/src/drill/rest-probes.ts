import { setTimeout as delay } from 'node:timers/promises';
import { wordsOf } from '../campaign-watch.js';
import { caller } from '../callers.js';
import type { BenchDevice } from '../platform.js';

/** One request of an operator. Times are of `performance.now()`. */
export interface Asking {
  readonly service: string;
  readonly at: number;
  readonly ms: number;
  /** `200`, `503 unavailable`, `no answer` */
  readonly words: string;
}

const EVERY_MS = 400;
/** A request that waits longer for its answer was not served, whatever it says. */
export const SERVED_WITHIN_MS = 1_000;

/** What is asked of each service that answers operators, of one that asks no other for it. */
const pathsOf = ({ id }: BenchDevice): Readonly<Record<string, string>> => ({
  'device-registry': `/devices/${id}`,
  configuration: `/devices/${id}/configuration`,
  telemetry: `/devices/${id}/telemetry/latest`,
  commands: `/devices/${id}/commands?limit=1`,
  firmware: '/firmwares?limit=1',
  'campaign-orchestrator': '/campaigns?limit=1',
  identity: '/integrations?limit=1',
  'iothub-adapter': '/iot-hubs',
});

/** Asks every service some times a second, whether the request before was answered or not, until `signal`. */
export const askEverything = async (
  device: BenchDevice,
  services: readonly string[],
  signal: AbortSignal,
): Promise<readonly Asking[]> => {
  const operator = caller(100, { keepAlive: false });
  const asked: Asking[] = [];
  const underWay = new Set<Promise<void>>();
  const paths = Object.entries(pathsOf(device)).filter(([service]) => services.includes(service));
  const ask = async (service: string, path: string): Promise<void> => {
    const at = performance.now();
    const words = await operator.call('GET', path).then(wordsOf, () => 'no answer');
    asked.push({ service, at, ms: performance.now() - at, words });
  };
  while (!signal.aborted) {
    for (const [service, path] of paths) {
      const one: Promise<void> = ask(service, path).finally(() => underWay.delete(one));
      underWay.add(one);
    }
    await delay(EVERY_MS);
  }
  await Promise.all(underWay);
  operator.close();
  return asked;
};

export const isServed = ({ words, ms }: Asking): boolean => words === '200' && ms <= SERVED_WITHIN_MS;
