import 'reflect-metadata';
import { Module, type DynamicModule } from '@nestjs/common';
import { listRegistryActs } from '@muster/contracts/audit/requests';
import { eventStream } from '@muster/contracts';
import { cancelDeviceRegistryJob, retryDeviceRegistryJob } from '@muster/contracts/jobs/owner.requests';
import { deviceRegistryJobChanged } from '@muster/contracts/jobs/published';
import {
  createEventStore,
  eventStoreMigrations,
  openDatabase,
  told,
  translateBy,
  type Projection,
} from '@muster/event-store';
import {
  DeviceTargets,
  job,
  jobHandlersOf,
  Jobs,
  jobsMigrations,
  migrateJobs,
  publishedOfJob,
  startJobWorkers,
} from '@muster/jobs';
import type { RunningApp, Upkeep } from '@muster/observability';
import { actHandlersOf, maintenanceOf, BUS, DATABASE, EVENT_STORE, startService } from '@muster/service-host';
import { DeviceTypes1763600200001 } from '../migrations/0001-device-types.js';
import { Devices1763600200002 } from '../migrations/0002-devices.js';
import { DeviceSecrets1763600200003 } from '../migrations/0003-device-secrets.js';
import { Connectivity1763600200004 } from '../migrations/0004-connectivity.js';
import { AppVersionsInUse1764300000006 } from '../migrations/0006-app-versions-in-use.js';
import { DeviceSoftware1764300000007 } from '../migrations/0007-device-software.js';
import { DeviceState1764300000008 } from '../migrations/0008-device-state.js';
import { Groups1764300000009 } from '../migrations/0009-groups.js';
import { SerialNumbers1764330000010 } from '../migrations/0010-serial-numbers.js';
import { Imports1764330000011 } from '../migrations/0011-imports.js';
import { Parents1764330000012 } from '../migrations/0012-parents.js';
import { Credentials1764350000013 } from '../migrations/0013-credentials.js';
import { Doors1764380000014 } from '../migrations/0014-doors.js';
import { PresenceFromTheDoor1764390000015 } from '../migrations/0015-presence-from-the-door.js';
import { Folders1764420000016 } from '../migrations/0016-folders.js';
import { TokenTimes1764420000017 } from '../migrations/0017-token-times.js';
import { IotHubs1764440000018 } from '../migrations/0018-iot-hubs.js';
import { HubEnrolments1764440000019 } from '../migrations/0019-hub-enrolments.js';
import { ImportCounts1764490000020 } from '../migrations/0020-import-counts.js';
import { DeviceFilters1763600200005 } from '../migrations/0005-device-filters.js';
import { DeviceBulkHandlers } from './bulk/device-bulk.handlers.js';
import { deviceBulkDeleteJob, deviceBulkJob } from './bulk/device-bulk-job.js';
import { deviceEraseJob } from './bulk/device-erase-job.js';
import { FolderHandlers } from './folder/folder.handlers.js';
import { folder } from './folder/folder.decider.js';
import { folderList } from './folder/folder-list.projection.js';
import { folderMoveJob } from './folder/folder-move-job.js';
import { publishedOfFolder } from './folder/folder.published.js';
import { GroupHandlers } from './group/group.handlers.js';
import { group } from './group/group.decider.js';
import { groupList } from './group/group-list.projection.js';
import { publishedOfGroup } from './group/group.published.js';
import { AccessHandlers } from './access/access.handlers.js';
import { AuthenticationHandlers } from './authentication/authentication.handlers.js';
import { Authentication } from './authentication/authentication.js';
import { LastUses } from './authentication/last-uses.js';
import { certificateAuthorityList } from './certificate-authority/certificate-authority-list.projection.js';
import { certificateAuthority } from './certificate-authority/certificate-authority.decider.js';
import { CertificateAuthorityHandlers } from './certificate-authority/certificate-authority.handlers.js';
import { publishedOfCertificateAuthority } from './certificate-authority/certificate-authority.published.js';
import { claimKeyList } from './claim-key/claim-key-list.projection.js';
import { claimKey } from './claim-key/claim-key.decider.js';
import { ClaimKeyHandlers } from './claim-key/claim-key.handlers.js';
import { publishedOfClaimKey } from './claim-key/claim-key.published.js';
import { HubEnrolmentHandlers } from './enrolment/hub-enrolment.handlers.js';
import { Enrolments } from './enrolment/enrolments.js';
import { validityTimerHandlers, validityTimers } from './validity-timers.js';
import { deviceSoftware } from './software/device-software.js';
import { DeviceStates, deviceStates } from './state/device-states.js';
import { fillStateAgain, startStateFills } from './state/state-fills.js';
import { StateHandlers } from './state/state.handlers.js';
import { StateProgress, watchProgress } from './state/state-progress.js';
import { StateReactor } from './state/state.reactor.js';
import { SoftwareReactor } from './software/software.reactor.js';
import { loadConfig, loadStreamMaxAgeHours } from './config.js';
import { ConnectivityHandlers } from './connectivity/connectivity.handlers.js';
import { publishedOfConnectivity } from './connectivity/connectivity.published.js';
import { countConnected, deviceConnectivity } from './connectivity/device-connectivity.js';
import { watchDoors } from './connectivity/door-leases.js';
import { CONNECTIVITY } from './connectivity/save-turns.js';
import { deviceType } from './device-type/device-type.decider.js';
import { DeviceTypeHandlers } from './device-type/device-type.handlers.js';
import { deviceTypeList } from './device-type/device-type-list.projection.js';
import { publishedOfDeviceType } from './device-type/device-type.published.js';
import { CredentialHandlers } from './credential/credential.handlers.js';
import { deviceCredentials } from './credential/credential.projection.js';
import { device } from './device/device.decider.js';
import { DeviceSearch } from './device/device-search.js';
import { FilterHandlers } from './filters/filter.handlers.js';
import { DeviceHandlers } from './device/device.handlers.js';
import { DeviceMetadataHandlers } from './metadata/device-metadata.handlers.js';
import { deviceList } from './device/device-list.projection.js';
import { publishedOfDevice } from './device/device.published.js';
import { EndpointTokenHandlers } from './token/endpoint-token.handlers.js';
import { ImportHandlers } from './import/import.handlers.js';
import { dryRunJob, importJob } from './import/import-job.js';
import { Imports } from './import/import-tables.js';
import { IotHubsReactor } from './iot-hub/iot-hubs.reactor.js';
import { RULES } from './providers.js';
import { endpointTokens } from './token/endpoint-token.projection.js';

const SERVICE = 'device-registry';
const SCHEMA = 'device_registry';

/** Types first: a device refers to its type. */
export const projections = [
  deviceTypeList,
  deviceList,
  endpointTokens,
  deviceCredentials,
  deviceConnectivity,
  deviceSoftware,
  deviceStates,
  groupList,
  folderList,
  certificateAuthorityList,
  claimKeyList,
  validityTimers(SCHEMA),
] as const;
/** What the registry's own events could not bring back. */
const followed: readonly Projection[] = [deviceConnectivity, deviceSoftware, deviceStates];
/** Without the jobs, which no projection reads. */
export const aggregates = [deviceType, device, group, folder, certificateAuthority, claimKey] as const;
const everyAggregate = [...aggregates, job];
const translate = translateBy(
  told(deviceType, publishedOfDeviceType),
  told(device, publishedOfDevice),
  told(group, publishedOfGroup),
  told(folder, publishedOfFolder),
  told(certificateAuthority, publishedOfCertificateAuthority),
  told(claimKey, publishedOfClaimKey),
  told({ name: CONNECTIVITY }, publishedOfConnectivity),
  told(job, (event) => publishedOfJob(deviceRegistryJobChanged, event)),
);

/** What is on record of people's acts, and as what they know it. */
const ActHandlers = actHandlersOf({
  service: SERVICE,
  contract: listRegistryActs,
  kinds: { device: 'device' },
});

@Module({})
export class AppModule {
  static of(providers: NonNullable<DynamicModule['providers']>): DynamicModule {
    return {
      module: AppModule,
      controllers: [
        ActHandlers,
        DeviceTypeHandlers,
        DeviceHandlers,
        DeviceBulkHandlers,
        ImportHandlers,
        IotHubsReactor,
        HubEnrolmentHandlers,
        GroupHandlers,
        FolderHandlers,
        jobHandlersOf({ cancel: cancelDeviceRegistryJob, retry: retryDeviceRegistryJob }),
        DeviceMetadataHandlers,
        EndpointTokenHandlers,
        CredentialHandlers,
        CertificateAuthorityHandlers,
        ClaimKeyHandlers,
        AuthenticationHandlers,
        AccessHandlers,
        ConnectivityHandlers,
        SoftwareReactor,
        StateReactor,
        StateHandlers,
        FilterHandlers,
      ],
      providers,
    };
  }
}

export const migrations = [
  ...eventStoreMigrations,
  ...jobsMigrations,
  DeviceTypes1763600200001,
  Devices1763600200002,
  DeviceSecrets1763600200003,
  Connectivity1763600200004,
  DeviceFilters1763600200005,
  AppVersionsInUse1764300000006,
  DeviceSoftware1764300000007,
  DeviceState1764300000008,
  Groups1764300000009,
  SerialNumbers1764330000010,
  Imports1764330000011,
  Parents1764330000012,
  Credentials1764350000013,
  Doors1764380000014,
  PresenceFromTheDoor1764390000015,
  Folders1764420000016,
  TokenTimes1764420000017,
  IotHubs1764440000018,
  HubEnrolments1764440000019,
  ImportCounts1764490000020,
];

export const { migrate, rebuilds, checkup } = maintenanceOf({
  name: SERVICE,
  schema: SCHEMA,
  migrations,
  alsoMigrate: migrateJobs,
  aggregates: everyAggregate,
  projections: projections.filter((projection) => !followed.includes(projection)),
  alsoRebuild: {
    state: {
      what: 'what filters know from configuration and firmware: the running service asks them for all of it again',
      run: async (url) => {
        const database = openDatabase({ url, schema: SCHEMA, poolSize: 2, name: `rebuild ${SERVICE}` });
        try {
          return `${await fillStateAgain(database)} devices are asked for again by the running service`;
        } finally {
          await database.close();
        }
      },
    },
  },
  streamMaxAgeHours: loadStreamMaxAgeHours,
});

/** Resolves when requests are served: waits for PostgreSQL (migrated) and NATS, however long they take. */
export const start = (env?: Readonly<Record<string, string | undefined>>): Promise<RunningApp> => {
  const config = loadConfig(env);
  const rules = { interfaces: config.interfaces.split(',') };
  return startService({
    name: SERVICE,
    schema: SCHEMA,
    migrations,
    stream: eventStream(SERVICE),
    config,
    serve: async ({ database, bus, logger, metrics }) => {
      // Every replica tells the same number, which all of them know from the database: take the highest, not the sum.
      metrics.gaugeOf('muster_devices_connected', 'Devices that are connected', () =>
        countConnected(database),
      );
      const store = createEventStore(database, { projections });
      const targets = new DeviceTargets(bus, config.bulkDevices);
      const imports = new Imports(database, config.jobRetentionDays);
      const kinds = [
        deviceBulkJob({ targets, store }),
        deviceBulkDeleteJob({ targets, store, jobs: () => jobs }),
        deviceEraseJob({ bus, store }),
        folderMoveJob({ database, store }),
        importJob({ bus, database, store, imports, rules }),
        dryRunJob({ bus, database, store, imports, rules }),
      ];
      const jobs: Jobs = new Jobs(database, store, kinds);
      const workers = startJobWorkers({
        database,
        store,
        kinds,
        timers: validityTimerHandlers(store),
        concurrency: config.jobConcurrency,
        retentionDays: config.jobRetentionDays,
        logger,
        metrics,
      });
      const uses = new LastUses(database, logger);
      const enrolments = new Enrolments({ ...config, database, store, rules, logger, metrics });
      const authentication = new Authentication({
        database,
        store,
        enrolments,
        uses,
        limits: config,
        logger,
        metrics,
      });
      const states = new DeviceStates(database, config.unconfirmedAfterSeconds * 1_000);
      await states.adoptDeadline();
      const progress = new StateProgress(database, bus);
      const following = [
        ...startStateFills({ database, bus, states, logger }),
        ...watchProgress(progress, { logger, metrics }),
      ];
      const doors = watchDoors({ database, store, bus, logger, metrics });
      return {
        module: AppModule.of([
          { provide: DATABASE, useValue: database },
          { provide: BUS, useValue: bus },
          { provide: RULES, useValue: rules },
          { provide: EVENT_STORE, useValue: store },
          { provide: Jobs, useValue: jobs },
          { provide: DeviceTargets, useValue: targets },
          { provide: Imports, useValue: imports },
          { provide: DeviceStates, useValue: states },
          { provide: StateProgress, useValue: progress },
          { provide: Enrolments, useValue: enrolments },
          { provide: Authentication, useValue: authentication },
          { provide: DeviceSearch, useValue: new DeviceSearch(database) },
        ]),
        relay: { translate, aggregates: everyAggregate },
        // What others tell is not a part of the registry's health: while they are away it serves all the same.
        background: { jobs: workers, state: { stop: () => stopAll(following) }, uses, doors },
      };
    },
  });
};

const stopAll = async (work: readonly Upkeep[]): Promise<void> => {
  await Promise.all(work.map((one) => one.stop()));
};
