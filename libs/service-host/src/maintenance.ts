import { eventStream } from '@muster/contracts';
import {
  migrateSchema,
  rebuildsOf,
  type MigrationClass,
  type RebuildableService,
  type Rebuilds,
} from '@muster/event-store';
import { checkupOf, type CheckedService, type Checkup } from './checkup.js';

export interface MaintainedService extends RebuildableService {
  readonly migrations: readonly MigrationClass[];
  /** What has migrations of another kind, after its own: `migrateJobs`. */
  readonly alsoMigrate?: (place: { readonly url: string; readonly schema: string }) => Promise<unknown>;
  /** Rebuilds besides. */
  readonly alsoRebuild?: Rebuilds;
  readonly alsoCheck?: CheckedService['more'];
}

/** What an app with events exports for whoever runs it, beside `start`. */
export interface Maintenance {
  /** Brings the schema up to date and returns the names of the migrations that ran. Safe to run twice and side by side. */
  readonly migrate: (url: string) => Promise<string[]>;
  /** What `npm run rebuild` makes again. */
  readonly rebuilds: Rebuilds;
  /** What `npm run doctor` asks of it. */
  readonly checkup: (env: Readonly<Record<string, string | undefined>>) => Promise<Checkup>;
}

export const maintenanceOf = (service: MaintainedService): Maintenance => {
  const { name, schema, migrations, alsoMigrate, alsoRebuild, alsoCheck, streamMaxAgeHours } = service;
  return {
    migrate: async (url) => {
      const ran = await migrateSchema({ url, schema, migrations });
      await alsoMigrate?.({ url, schema });
      return ran;
    },
    rebuilds: { ...rebuildsOf(service), ...alsoRebuild },
    checkup: checkupOf({
      ...{ name, schema, migrations, streamMaxAgeHours },
      stream: eventStream(name).name,
      hasEvents: true,
      ...(alsoCheck === undefined ? {} : { more: alsoCheck }),
    }),
  };
};
