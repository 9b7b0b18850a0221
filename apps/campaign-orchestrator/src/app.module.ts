import 'reflect-metadata';
import { Module, type DynamicModule } from '@nestjs/common';
import { listCampaignActs } from '@muster/contracts/audit/requests';
import { eventStream } from '@muster/contracts';
import { campaignJobChanged } from '@muster/contracts/jobs/published';
import { createEventStore, eventStoreMigrations, told, translateBy } from '@muster/event-store';
import {
  DeviceTargets,
  job,
  Jobs,
  jobsMigrations,
  migrateJobs,
  publishedOfJob,
  startJobWorkers,
  Steps,
} from '@muster/jobs';
import { startUpkeep, type RunningApp } from '@muster/observability';
import {
  actHandlersOf,
  maintenanceOf,
  serverFindings,
  BUS,
  DATABASE,
  EVENT_STORE,
  LOGGER,
  startService,
} from '@muster/service-host';
import { JobList1763600800001 } from '../migrations/0001-jobs.js';
import { JobOwners1764300000002 } from '../migrations/0002-job-owners.js';
import { ParkedMessages1764300000003 } from '../migrations/0003-parked.js';
import { Campaigns1764300000004 } from '../migrations/0004-campaigns.js';
import { Targets1764300000005 } from '../migrations/0005-targets.js';
import { Supervisions1764300000006 } from '../migrations/0006-supervisions.js';
import { Statistics1764300000007 } from '../migrations/0007-statistics.js';
import { PlainTables1764300000009 } from '../migrations/0009-plain-tables.js';
import { DevicesAway1764300000010 } from '../migrations/0010-devices-away.js';
import { Retention1764300000011 } from '../migrations/0011-retention.js';
import { Contested1764300000012 } from '../migrations/0012-contested.js';
import { ReasonsAndValues1764300000013 } from '../migrations/0013-reasons-and-values.js';
import { ByReason1764300000014 } from '../migrations/0014-by-reason.js';
import { CampaignHistoryHandlers } from './campaign/campaign-history.handlers.js';
import { CampaignHandlers } from './campaign/campaign.handlers.js';
import { CampaignPhases, PHASES } from './campaign/campaign-phases.js';
import { CAMPAIGN_STEP, START_STEP } from './campaign/campaign-steps.js';
import { campaign } from './campaign/campaign.decider.js';
import { publishedOfCampaign, publishedOfPhase } from './campaign/campaign.published.js';
import { Campaigns, campaignsProjection } from './campaign/campaigns.projection.js';
import { launchScheduled } from './campaign/launch-scheduled.js';
import { loadConfig, loadStreamMaxAgeHours, type Config } from './config.js';
import { parkedFindings } from './parked/parked-findings.js';
import { CampaignJobErrors } from './job/campaign-job-errors.js';
import { CampaignJobHandlers } from './job/campaign-job.handlers.js';
import { JobHandlers } from './job/job.handlers.js';
import { JobList } from './job/job-list.js';
import { JobListReactor } from './job/job-list.reactor.js';
import { ParkedMessages } from './parked/parked-messages.js';
import { startParkedUpkeep } from './parked/parked-upkeep.js';
import { ParkedHandlers } from './parked/parked.handlers.js';
import { CAMPAIGN_SETTINGS, LAUNCH_CHECK, type CampaignSettings } from './providers.js';
import { campaignStep } from './target/campaign-step.js';
import { Retention } from './retention/retention.js';
import { Points } from './statistics/points.js';
import { StatisticsHandlers } from './statistics/statistics.handlers.js';
import { superviseCampaign } from './supervision/supervise-campaign.js';
import { SupervisionFollower } from './supervision/supervision-follower.js';
import { SupervisionHandlers } from './supervision/supervision.handlers.js';
import { supervisionList } from './supervision/supervision-list.projection.js';
import {
  publishedOfSupervision,
  publishedOfVerdicts,
  VERDICTS_ANNOUNCED,
  type VerdictsChanged,
} from './supervision/supervision.published.js';
import { SUPERVISION_STEP, supervisionStep } from './supervision/supervision-step.js';
import { supervision } from './supervision/supervision.decider.js';
import { SupervisedDevices } from './supervision/supervised-devices.js';
import { DeviceInterfaces } from './target/device-interfaces.js';
import { DeviceInterfacesReactor } from './target/device-interfaces.reactor.js';
import { DeviceStatesReactor } from './target/device-states.reactor.js';
import { DeviceWatch, TargetFollower } from './target/device-watch.js';
import { LaunchPlan } from './target/launch-plan.js';
import { Launches } from './target/launches.js';
import { Snapshot } from './target/snapshot.js';
import { CampaignDevices } from './target/target-devices.js';
import { TargetChanges } from './target/target-rows.js';
import {
  publishedOfTargets,
  TARGETS_ANNOUNCED,
  tellSkipped,
  tellTargets,
  type TargetsChanged,
} from './target/targets.published.js';
import { sweepTargets } from './target/sweep.js';
import { TargetHandlers } from './target/targets.handlers.js';
import { BatchWriter } from './target/write-batch.js';

const SERVICE = 'campaign-orchestrator';
const SCHEMA = 'campaign_orchestrator';
const FORGET_EVERY_MS = 3_600_000;

/** Written in the transaction of their events, and rebuildable from them. */
export const projections = [campaignsProjection, supervisionList];

const aggregates = [campaign, supervision, job];
const translate = translateBy(
  told(campaign, publishedOfCampaign),
  told(PHASES, publishedOfPhase),
  told<TargetsChanged>({ name: TARGETS_ANNOUNCED }, publishedOfTargets),
  told(supervision, publishedOfSupervision),
  told<VerdictsChanged>({ name: VERDICTS_ANNOUNCED }, publishedOfVerdicts),
  told(job, (event) => publishedOfJob(campaignJobChanged, event)),
);

/** What is on record of people's acts, and as what they know it. */
const ActHandlers = actHandlersOf({
  service: SERVICE,
  contract: listCampaignActs,
  kinds: { parked: 'parked-message' },
});

@Module({})
export class AppModule {
  static of(providers: NonNullable<DynamicModule['providers']>): DynamicModule {
    return {
      module: AppModule,
      controllers: [
        ActHandlers,
        CampaignHandlers,
        CampaignHistoryHandlers,
        CampaignJobHandlers,
        SupervisionHandlers,
        StatisticsHandlers,
        DeviceInterfacesReactor,
        DeviceStatesReactor,
        JobHandlers,
        JobListReactor,
        ParkedHandlers,
        TargetHandlers,
      ],
      providers,
    };
  }
}

const migrations = [
  ...eventStoreMigrations,
  ...jobsMigrations,
  JobList1763600800001,
  JobOwners1764300000002,
  ParkedMessages1764300000003,
  Campaigns1764300000004,
  Targets1764300000005,
  Supervisions1764300000006,
  Statistics1764300000007,
  PlainTables1764300000009,
  DevicesAway1764300000010,
  Retention1764300000011,
  Contested1764300000012,
  ReasonsAndValues1764300000013,
  ByReason1764300000014,
];

export const { migrate, rebuilds, checkup } = maintenanceOf({
  name: SERVICE,
  schema: SCHEMA,
  migrations,
  alsoMigrate: migrateJobs,
  aggregates,
  projections,
  streamMaxAgeHours: loadStreamMaxAgeHours,
  alsoCheck: async (database) => [...(await parkedFindings(database)), ...(await serverFindings(database))],
});

/** Resolves when requests are served: waits for PostgreSQL and NATS, however long they take. */
export const start = (env?: Readonly<Record<string, string | undefined>>): Promise<RunningApp> => {
  const config = loadConfig(env);
  return startService({
    name: SERVICE,
    schema: SCHEMA,
    migrations,
    stream: eventStream(SERVICE),
    config,
    serve: ({ database, bus, logger, metrics }) => {
      const jobs = new JobList(database);
      const messages = new ParkedMessages(database);
      const store = createEventStore(database, { projections });
      const steps = new Steps(database);
      const phases = new CampaignPhases(store);
      const settings = settingsOf(config);
      const targets = new DeviceTargets(bus, config.targetDevices);
      const ownJobs = new Jobs(database, store, []);
      const launches = new Launches(database);
      const changes = new TargetChanges(steps, [tellTargets(store)]);
      const devices = new CampaignDevices({ database, store, bus });
      const check = new LaunchPlan({ database, store, bus, devices });
      const supervised = new SupervisedDevices(database, store);
      const retention = new Retention(database, config.deviceRetentionDays);
      const watch = new DeviceWatch(bus, [
        new TargetFollower({ database, launches, changes }),
        new SupervisionFollower(database, supervised),
      ]);
      const shared = { database, store, bus, steps, phases, jobs: ownJobs, launches, changes, watch };
      const listeners = [superviseCampaign({ store, steps, devices: supervised }), tellSkipped(store)];
      const snapshot = new Snapshot({ ...shared, devices, listeners });
      const writer = new BatchWriter({ ...shared, tenantRatePerMinute: config.tenantRatePerMinute });
      const workers = startJobWorkers({
        database,
        store,
        kinds: [],
        steps: {
          [START_STEP]: launchScheduled({ ...settings, ...shared, check }),
          [CAMPAIGN_STEP]: campaignStep({
            ...shared,
            snapshot,
            writer,
            points: new Points(database, config.points),
          }),
          [SUPERVISION_STEP]: supervisionStep({ ...shared, targets: devices, devices: supervised }),
        },
        concurrency: config.jobConcurrency,
        retentionDays: config.jobRetentionDays,
        logger,
        metrics,
      });
      return {
        module: AppModule.of([
          { provide: BUS, useValue: bus },
          { provide: DATABASE, useValue: database },
          { provide: EVENT_STORE, useValue: store },
          { provide: Steps, useValue: steps },
          { provide: Jobs, useValue: ownJobs },
          { provide: DeviceWatch, useValue: watch },
          {
            provide: DeviceInterfaces,
            useValue: new DeviceInterfaces({ bus, database, changes, supervised, watch }),
          },
          { provide: Campaigns, useValue: new Campaigns(database) },
          { provide: CampaignPhases, useValue: phases },
          { provide: LAUNCH_CHECK, useValue: check },
          { provide: LaunchPlan, useValue: check },
          { provide: DeviceTargets, useValue: targets },
          { provide: CAMPAIGN_SETTINGS, useValue: settings },
          { provide: LOGGER, useValue: logger },
          { provide: JobList, useValue: jobs },
          { provide: CampaignJobErrors, useValue: new CampaignJobErrors(database) },
          { provide: ParkedMessages, useValue: messages },
        ]),
        relay: { translate, aggregates },
        background: {
          jobs: workers,
          sweep: startUpkeep({
            what: 'looking again at devices that campaigns wait for',
            everyMs: config.sweepSeconds * 1_000,
            round: async (signal) => {
              await sweepTargets(database, watch, signal);
              return false;
            },
            logger,
          }),
          retention: startUpkeep({
            what: 'forgetting ended jobs',
            everyMs: FORGET_EVERY_MS,
            round: () => jobs.forgetEnded(config.jobRetentionDays),
            logger,
          }),
          'device-retention': startUpkeep({
            what: 'forgetting the devices of ended campaigns',
            everyMs: FORGET_EVERY_MS,
            round: () => retention.round(),
            logger,
          }),
          ...startParkedUpkeep({ messages, bus, keepDays: config.parkedKeepDays, logger, metrics }),
        },
      };
    },
  });
};

const settingsOf = (config: Config): CampaignSettings => ({
  defaults: { ratePerMinute: config.ratePerMinute, deadlineSeconds: config.deadlineSeconds },
  limits: {
    devices: config.targetDevices,
    ratePerMinute: config.maxRatePerMinute,
    valuesBytes: config.valuesBytes,
  },
  endAfterDays: config.endAfterDays,
});
