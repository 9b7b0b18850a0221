import 'reflect-metadata';
import { Module, type DynamicModule } from '@nestjs/common';
import { Downlink, reactorsOf } from '@muster/downlink';
import { eventStream } from '@muster/contracts';
import type { DeviceKey } from '@muster/contracts/configuration/documents.requests';
import { cancelHubJob, retryHubJob } from '@muster/contracts/jobs/owner.requests';
import { hubJobChanged } from '@muster/contracts/jobs/published';
import { listHubActs } from '@muster/contracts/audit/requests';
import { createEventStore, eventStoreMigrations, told, translateBy } from '@muster/event-store';
import {
  job,
  jobHandlersOf,
  Jobs,
  jobsMigrations,
  migrateJobs,
  publishedOfJob,
  startJobWorkers,
} from '@muster/jobs';
import { ConfigError, type RunningApp } from '@muster/observability';
import {
  actHandlersOf,
  BUS,
  DATABASE,
  EVENT_STORE,
  LOGGER,
  startService,
  type Background,
  maintenanceOf,
} from '@muster/service-host';
import { openUplink } from '@muster/uplink';
import { Hubs1763600800001 } from '../migrations/0001-hubs.js';
import { Identities1763600800002 } from '../migrations/0002-identities.js';
import { Events1763600800003 } from '../migrations/0003-events.js';
import { OwedOffers1763600800004 } from '../migrations/0004-owed-offers.js';
import { HubQueues1763600800005 } from '../migrations/0005-hub-queues.js';
import { Reconciliation1763600800006 } from '../migrations/0006-reconciliation.js';
import { HubMessages1763600800007 } from '../migrations/0007-hub-messages.js';
import { ToldByHubs1763600800008 } from '../migrations/0008-told-by-hubs.js';
import { Twins1763600800009 } from '../migrations/0009-twins.js';
import { BegunMessages1763600800010 } from '../migrations/0010-begun-messages.js';
import { configSchema, loadConfig, loadStreamMaxAgeHours, type Config } from './config.js';
import { HubEventHandler } from './events/hub-event-handler.js';
import { HubLinks } from './events/hub-links.js';
import { startEventReaders } from './events/event-readers.js';
import { PARKED_EVENTS } from './events/parked-events.js';
import { replayEvent } from './events/replay-events.js';
import { HubBudget } from './hub/hub-budget.js';
import { HubThrottle } from './hub/hub-throttle.js';
import { HubRoutes } from './hub/hub-routes.js';
import { startRouteWatch } from './hub/route-watch.js';
import { startHubEnrolments } from './reconcile/hub-enrolments.js';
import { HubHealths } from './hub/hub-health.js';
import { HubKeys } from './hub/hub-keys.js';
import { hub } from './hub/hub.decider.js';
import { HubHandlers } from './hub/hub.handlers.js';
import { publishedOfHub } from './hub/hub.published.js';
import { hubs } from './hub/hubs.projection.js';
import { startForeignChanges } from './twin/foreign-changes.js';
import { LeftTwins } from './twin/left-twins.js';
import { Sealer } from './hub/sealed.js';
import { OpenHubs } from './hub/open-hubs.js';
import { HubDeviceHandlers } from './identity/hub-device.handlers.js';
import { IdentitiesReactor } from './identity/identities.reactor.js';
import { IdentityLedger } from './identity/identity-ledger.js';
import { startIdentitySync } from './identity/identity-sync.js';
import { startFeedbackReaders } from './outbound/feedback-readers.js';
import { HubCommands } from './outbound/hub-commands.js';
import { hubWire } from './outbound/hub-wire.js';
import { LimitedHubHandlers } from './outbound/limited-hubs.handlers.js';
import { OwedOffers, startOwedOffers } from './outbound/owed-offers.js';
import { sayAsDevice } from './outbound/say-as-device.js';
import { SentMessages } from './outbound/sent-messages.js';
import { Findings } from './reconcile/findings.js';
import { reconcileDryRunJob, reconcileJob } from './reconcile/reconcile-job.js';
import { ReconcileHandlers } from './reconcile/reconcile.handlers.js';
import { MAX_HUBS } from './providers.js';

const SERVICE = 'iothub-adapter';
const SCHEMA = 'iothub_adapter';
const ROUTES_EVERY_MS = 10_000;

/** Written in the transaction of their events, and rebuildable from them. */
const projections = [hubs];
const aggregates = [hub, job];

const ActHandlers = actHandlersOf({ service: SERVICE, contract: listHubActs, kinds: { device: 'device' } });

@Module({})
export class AppModule {
  static of(
    reactors: NonNullable<DynamicModule['controllers']>,
    providers: NonNullable<DynamicModule['providers']>,
  ): DynamicModule {
    const controllers = [
      ActHandlers,
      HubHandlers,
      HubDeviceHandlers,
      IdentitiesReactor,
      LimitedHubHandlers,
      ReconcileHandlers,
      jobHandlersOf({ cancel: cancelHubJob, retry: retryHubJob }),
      ...reactors,
    ];
    return { module: AppModule, controllers, providers };
  }
}

const migrations = [
  ...eventStoreMigrations,
  ...jobsMigrations,
  Hubs1763600800001,
  Identities1763600800002,
  Events1763600800003,
  OwedOffers1763600800004,
  HubQueues1763600800005,
  Reconciliation1763600800006,
  HubMessages1763600800007,
  ToldByHubs1763600800008,
  Twins1763600800009,
  BegunMessages1763600800010,
];

export const { migrate, rebuilds, checkup } = maintenanceOf({
  name: SERVICE,
  schema: SCHEMA,
  migrations,
  alsoMigrate: migrateJobs,
  aggregates,
  projections,
  streamMaxAgeHours: loadStreamMaxAgeHours,
});

/** Resolves when requests are served: waits for PostgreSQL and NATS, however long they take. */
export const start = (env?: Readonly<Record<string, string | undefined>>): Promise<RunningApp> => {
  const config = loadConfig(env);
  const keys = new HubKeys(sealerIn(config));
  return startService({
    name: SERVICE,
    schema: SCHEMA,
    migrations,
    stream: eventStream(SERVICE),
    config,
    serve: ({ database, bus, logger, metrics }) => {
      const hubs = new OpenHubs(database, keys);
      const ledger = new IdentityLedger(database, bus);
      const budget = new HubBudget(database);
      const everyMs = config.syncEveryMs;
      const store = createEventStore(database, { projections });
      const findings = new Findings(database);
      const routes = new HubRoutes(database);
      const twins = new LeftTwins(database);
      const reconciling = { database, bus, hubs, ledger, budget, findings };
      const kinds = [reconcileJob(reconciling), reconcileDryRunJob(reconciling)];
      const workers = startJobWorkers({
        database,
        store,
        kinds,
        concurrency: config.jobConcurrency,
        retentionDays: config.jobRetentionDays,
        logger,
        metrics,
      });
      const uplink = openUplink({ ...config, door: 'iothub', bus, logger, metrics });
      const links = new HubLinks(database, bus);
      const owed = new OwedOffers(database);
      const sent = new SentMessages(database);
      const throttle = new HubThrottle(budget);
      const say = sayAsDevice(uplink);
      const commands = new HubCommands({ throttle, owed, sent, uplink, say, bus });
      const offers: Downlink = new Downlink({
        wire: hubWire({ hubs, ledger, links, throttle, commands, owed, twins, say, logger }),
        uplink,
        bus,
        logger,
        metrics,
        inFlight: config.pushesInFlight,
        perSecond: config.pushesPerSecond,
      });
      const reachable = ({ tenantId, deviceId }: DeviceKey, reachableAt = new Date().toISOString()) =>
        void offers.becameReachable({ tenantId, deviceId, reachableAt });
      const handler = new HubEventHandler({
        uplink,
        links,
        ledger,
        throttle,
        findings,
        routes,
        twins,
        bus,
        connected: reachable,
        logger,
        metrics,
      });
      return {
        module: AppModule.of(reactorsOf(SERVICE, offers), [
          { provide: DATABASE, useValue: database },
          { provide: EVENT_STORE, useValue: store },
          { provide: Jobs, useValue: new Jobs(database, store, kinds) },
          { provide: Findings, useValue: findings },
          { provide: HubRoutes, useValue: routes },
          { provide: HubHealths, useValue: new HubHealths(database, routes, config.claimSeconds) },
          { provide: BUS, useValue: bus },
          { provide: HubKeys, useValue: keys },
          { provide: OpenHubs, useValue: hubs },
          { provide: IdentityLedger, useValue: ledger },
          { provide: OwedOffers, useValue: owed },
          { provide: MAX_HUBS, useValue: config.maxHubs },
          { provide: LOGGER, useValue: logger },
        ]),
        relay: {
          translate: translateBy(
            told(hub, publishedOfHub),
            told(job, (event) => publishedOfJob(hubJobChanged, event)),
          ),
          aggregates,
        },
        background: {
          identities: startIdentitySync({ hubs, ledger, budget, made: reachable, everyMs, logger, metrics }),
          events: startEventReaders({ ...config, database, hubs, handler, everyMs, logger, metrics }),
          owed: startOwedOffers(owed, offers, { everyMs, logger }),
          feedback: startFeedbackReaders({
            ...config,
            ...{ hubs, sent, logger, everyMs },
            settle: (hub, feedback) => commands.settle(hub, feedback),
          }),
          downlink: startMakingUp(offers),
          messages: commands,
          enrolments: startHubEnrolments({ ...reconciling, everyMs, logger, metrics }),
          routes: startRouteWatch({ hubs, routes, everyMs: ROUTES_EVERY_MS, logger, metrics }),
          twins: startForeignChanges({ hubs, twins, throttle, everyMs, logger, metrics }),
          jobs: workers,
          uplink: { stop: () => uplink.stop() },
        },
        replays: { [PARKED_EVENTS]: replayEvent(hubs, handler) },
        checks: {
          'device-directory': () => {
            if (!uplink.follower.isLoaded) throw new Error('not read yet; device-registry has not answered');
          },
          services: () => uplink.checkServices(),
        },
      };
    },
  });
};

/** What a process that died had in hand. */
const startMakingUp = (offers: Downlink): Background => {
  const stopping = new AbortController();
  void offers.makeUp(stopping.signal);
  return {
    stop: () => {
      stopping.abort();
      offers.stop();
      return Promise.resolve();
    },
  };
};

const sealerIn = ({ sealingKey }: Config): Sealer | undefined => {
  if (sealingKey === undefined) return undefined;
  const lines = sealingKey.split('\n').map((line) => line.trim());
  if (!lines.every((line) => /^[A-Za-z0-9_-]{43}$/.test(line))) {
    throw new ConfigError([
      {
        env: configSchema.sealingKey.env,
        rule: 'must name a file with 32 bytes as base64url (43 characters), or a line of that for each key',
      },
    ]);
  }
  const [first = Buffer.alloc(0), ...others] = lines.map((line) => Buffer.from(line, 'base64url'));
  return new Sealer([first, ...others]);
};
