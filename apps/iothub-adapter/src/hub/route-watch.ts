import { startUpkeep, type Logger, type Metrics, type Upkeep } from '@muster/observability';
import type { HubRoutes } from './hub-routes.js';
import type { OpenHubs } from './open-hubs.js';

/** Says in the log, once for each check of a hub, and always as a number, which routes it seems not to have. */
export const startRouteWatch = (parts: {
  readonly hubs: OpenHubs;
  readonly routes: HubRoutes;
  readonly everyMs: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}): Upkeep => {
  const { hubs, routes, everyMs, logger } = parts;
  const missing = parts.metrics.gauge(
    'muster_iothub_routes_missing',
    'Routes that an IoT Hub seems not to have, without which it does not tell what happens in it',
    ['hub'],
  );
  return startUpkeep({
    what: 'watching the routes of IoT Hubs',
    everyMs,
    round: async () => {
      for (const { hub } of await hubs.all(() => undefined)) {
        const found = (await routes.of(hub.id)).filter(({ state }) => state === 'missing');
        missing.set({ hub: hub.name }, found.length);
        if (await routes.mayTell(hub.id)) {
          for (const { message } of found) logger.warn({ hub: hub.name }, message);
        }
      }
      return false;
    },
    logger,
  });
};
