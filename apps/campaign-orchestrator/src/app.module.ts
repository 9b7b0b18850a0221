import 'reflect-metadata';
import { Module, type DynamicModule } from '@nestjs/common';
import { eventStream } from '@muster/contracts';
import { migrateSchema } from '@muster/event-store';
import { startUpkeep, type RunningApp } from '@muster/observability';
import { BUS, LOGGER, startService } from '@muster/service-host';
import { JobList1763600800001 } from '../migrations/0001-jobs.js';
import { JobOwners1764300000002 } from '../migrations/0002-job-owners.js';
import { ParkedMessages1764300000003 } from '../migrations/0003-parked.js';
import { loadConfig } from './config.js';
import { JobHandlers } from './job/job.handlers.js';
import { JobList } from './job/job-list.js';
import { JobListReactor } from './job/job-list.reactor.js';
import { ParkedMessages } from './parked/parked-messages.js';
import { startParkedUpkeep } from './parked/parked-upkeep.js';
import { ParkedHandlers } from './parked/parked.handlers.js';

const SERVICE = 'campaign-orchestrator';
const SCHEMA = 'campaign_orchestrator';
const FORGET_EVERY_MS = 3_600_000;

@Module({})
export class AppModule {
  static of(providers: NonNullable<DynamicModule['providers']>): DynamicModule {
    return { module: AppModule, controllers: [JobHandlers, JobListReactor, ParkedHandlers], providers };
  }
}

const migrations = [JobList1763600800001, JobOwners1764300000002, ParkedMessages1764300000003];

/** Brings the schema up to date and returns the names of the migrations that ran. Safe to run twice and side by side. */
export const migrate = (url: string): Promise<string[]> => migrateSchema({ url, schema: SCHEMA, migrations });

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
      return {
        module: AppModule.of([
          { provide: BUS, useValue: bus },
          { provide: LOGGER, useValue: logger },
          { provide: JobList, useValue: jobs },
          { provide: ParkedMessages, useValue: messages },
        ]),
        background: {
          retention: startUpkeep({
            what: 'forgetting ended jobs',
            everyMs: FORGET_EVERY_MS,
            round: () => jobs.forgetEnded(config.jobRetentionDays),
            logger,
          }),
          ...startParkedUpkeep({ messages, bus, keepDays: config.parkedKeepDays, logger, metrics }),
        },
      };
    },
  });
};
