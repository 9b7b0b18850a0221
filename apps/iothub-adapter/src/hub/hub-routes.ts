import type { HubRoute, RouteState } from '@muster/contracts/iothub-adapter/hubs.requests';
import { HUB_ROUTES, type HubRouteSource } from '@muster/contracts/iothub-adapter/hubs.requests';
import type { Database, Queryable } from '@muster/event-store';
import { isProbe } from './probe.js';

/** How long the hub has to tell of a probe. */
const PROBE_SECONDS = 60;
const WRITTEN_EVERY_MS = 60_000;

/** What is known of a route, as the database has it. */
export interface RouteFacts {
  readonly seenAt: Date | undefined;
  readonly cameBack: boolean;
}

export interface ProbeFacts {
  /** Undefined: the hub was never probed. */
  readonly ageSeconds: number | undefined;
  readonly routes: Readonly<Record<HubRouteSource, RouteFacts>>;
}

/**
 * By which of its routes a hub tells. No call of its service API shows them, so the check of a hub makes an identity, changes
 * its twin and removes it: of that two routes must tell. That devices connect and send is not to be provoked; but who sends
 * was connected, so messages without any connection say that a route is missing. Pure.
 */
export const judgeRoutes = ({ ageSeconds, routes }: ProbeFacts): HubRoute[] =>
  HUB_ROUTES.map((source) => {
    const { seenAt } = routes[source];
    const [state, message] = judge(source, ageSeconds, routes);
    return { source, state, message, ...(seenAt === undefined ? {} : { seenAt: seenAt.toISOString() }) };
  });

const judge = (
  source: HubRouteSource,
  ageSeconds: number | undefined,
  routes: ProbeFacts['routes'],
): readonly [RouteState, string] => {
  const { seenAt, cameBack } = routes[source];
  if (source === 'TwinChangeEvents' || source === 'DeviceLifecycleEvents') {
    if (cameBack) return ['works', 'what the last check did in the hub was told'];
    if (ageSeconds === undefined)
      return seenAt ? ['works', 'it has told something'] : ['unknown', 'not checked yet'];
    if (ageSeconds < PROBE_SECONDS)
      return ['checking', `the last check was not told of yet; if that lasts, ${missingWords(source)}`];
    return [
      'missing',
      `what the last check did was not told within ${PROBE_SECONDS} s: ${missingWords(source)}`,
    ];
  }
  if (seenAt !== undefined) return ['works', 'it has told something'];
  if (source === 'DeviceConnectionStateEvents' && routes.DeviceMessages.seenAt !== undefined) {
    return ['missing', `devices have sent messages, and no connection was told: ${missingWords(source)}`];
  }
  return [
    'unknown',
    source === 'DeviceMessages' ? 'no device has sent a message yet' : 'no device has connected yet',
  ];
};

const LOST: Readonly<Record<HubRouteSource, string>> = {
  DeviceMessages: 'telemetry does not come here',
  TwinChangeEvents: 'what devices report does not come here',
  DeviceLifecycleEvents: 'nobody here learns that identities are made or deleted in it by others',
  DeviceConnectionStateEvents: 'nobody here knows who is connected, and commands wait',
};

const missingWords = (source: HubRouteSource): string =>
  `the IoT Hub seems to have no route of the source ${source} to its endpoint "events", so ${LOST[source]}`;

const empty = (): Record<HubRouteSource, RouteFacts> => ({
  DeviceMessages: { seenAt: undefined, cameBack: false },
  TwinChangeEvents: { seenAt: undefined, cameBack: false },
  DeviceLifecycleEvents: { seenAt: undefined, cameBack: false },
  DeviceConnectionStateEvents: { seenAt: undefined, cameBack: false },
});

/** The same for all replicas. */
export class HubRoutes {
  /** When this process has written of a route last, by hub and source. */
  private readonly written = new Map<string, number>();

  constructor(private readonly database: Database) {}

  /** The hub was probed with this identity just now. */
  async probed(to: Queryable, hubId: string, probeId: string): Promise<void> {
    await to.query({
      text: `INSERT INTO hub_probes (hub_id, probe_id) VALUES ($1, $2)
             ON CONFLICT (hub_id) DO UPDATE SET probe_id = excluded.probe_id, probed_at = now(), told = false`,
      values: [hubId, probeId],
    });
  }

  /** The hub has told something. Written once a minute for each source; of a probe at once. */
  async saw(hubId: string, source: HubRouteSource, hubDeviceId: string, at: Date): Promise<void> {
    if (isProbe(hubDeviceId)) {
      await this.database.query({
        text: `INSERT INTO hub_routes (hub_id, source, probe_id) VALUES ($1, $2, $3)
               ON CONFLICT (hub_id, source) DO UPDATE SET probe_id = excluded.probe_id`,
        values: [hubId, source, hubDeviceId],
      });
      return;
    }
    const key = `${hubId} ${source}`;
    if (Date.now() - (this.written.get(key) ?? 0) < WRITTEN_EVERY_MS) return;
    this.written.set(key, Date.now());
    await this.database.query({
      text: `INSERT INTO hub_routes AS r (hub_id, source, seen_at) VALUES ($1, $2, $3)
             ON CONFLICT (hub_id, source) DO UPDATE SET seen_at = greatest(r.seen_at, excluded.seen_at)`,
      values: [hubId, source, at],
    });
  }

  async of(hubId: string): Promise<HubRoute[]> {
    const { rows } = await this.database.query<{
      age: number | null;
      source: HubRouteSource | null;
      seen_at: Date | null;
      came_back: boolean | null;
    }>({
      text: `SELECT extract(epoch FROM now() - p.probed_at)::double precision AS age, r.source, r.seen_at,
               r.probe_id = p.probe_id AS came_back
             FROM (SELECT $1::text AS hub_id) h LEFT JOIN hub_probes p ON p.hub_id = h.hub_id
             LEFT JOIN hub_routes r ON r.hub_id = h.hub_id`,
      values: [hubId],
    });
    const routes = empty();
    for (const { source, seen_at: seenAt, came_back: cameBack } of rows) {
      if (source !== null) routes[source] = { seenAt: seenAt ?? undefined, cameBack: cameBack === true };
    }
    return judgeRoutes({ ageSeconds: rows[0]?.age ?? undefined, routes });
  }

  /** True: it is this process that has to say what the last probe came to, which is known now. */
  async mayTell(hubId: string): Promise<boolean> {
    const { rowCount } = await this.database.query({
      text: `UPDATE hub_probes SET told = true
             WHERE hub_id = $1 AND NOT told AND probed_at < now() - $2 * interval '1 second'`,
      values: [hubId, PROBE_SECONDS],
    });
    return rowCount === 1;
  }
}
