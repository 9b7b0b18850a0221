import { Health } from './health.js';
import { createMetrics, joinPages, type Metrics } from './metrics.js';
import { combineOps, startOpsServer, type OpsParts, type OpsServer } from './ops.js';
import { processMetrics, startProcessMetrics } from './process-metrics.js';

/** What an app says of itself to those who run it. Opened before anything that a start waits for. */
export interface Operations {
  readonly health: Health;
  readonly metrics: Metrics;
  /** Last: nothing of what it showed can be asked for any more. */
  close(): Promise<void>;
}

interface App {
  readonly name: string;
  readonly ops: OpsParts;
}

const appsOfProcess = new Set<App>();
const serversOfProcess = new Map<number, { readonly server: Promise<OpsServer>; users: number }>();

/**
 * The pages of health and metrics answer from here on: live, and not ready until `health.started()`. Apps that share a
 * process share its port, and each page speaks for all of them.
 */
export const openOperations = async ({
  name,
  opsPort,
  opsHost,
}: {
  readonly name: string;
  /** Not set: no port of its own. */
  readonly opsPort?: number;
  readonly opsHost: string;
}): Promise<Operations> => {
  startProcessMetrics();
  const app = { name, ops: { health: new Health(), metrics: createMetrics(name) } };
  app.ops.health.waitsFor('start');
  appsOfProcess.add(app);
  const leave = opsPort === undefined ? undefined : await joinServer(opsPort, opsHost);
  return {
    ...app.ops,
    close: async () => {
      await leave?.();
      appsOfProcess.delete(app);
    },
  };
};

/** All apps of this process as one, a single one as it is; with the metrics of the process, which the first app names. */
export const pagesOfProcess = (): OpsParts => {
  const now = (): App => {
    const [first, ...others] = appsOfProcess;
    if (first !== undefined && others.length === 0) return first;
    return { name: first?.name ?? 'muster', ops: combineOps([...appsOfProcess]) };
  };
  return {
    health: { live: () => ({ live: true }), ready: () => now().ops.health.ready() },
    metrics: {
      text: async () => {
        const { name, ops } = now();
        return joinPages([await processMetrics(name), await ops.metrics.text()]);
      },
    },
  };
};

const joinServer = async (port: number, host: string): Promise<() => Promise<void>> => {
  const known = serversOfProcess.get(port);
  // Port 0 is another one each time.
  const shared = known ?? { server: startOpsServer({ port, host, ...pagesOfProcess() }), users: 0 };
  if (port !== 0) serversOfProcess.set(port, shared);
  shared.users += 1;
  const server = await shared.server;
  return async () => {
    shared.users -= 1;
    if (shared.users > 0) return;
    serversOfProcess.delete(port);
    await server.close();
  };
};
