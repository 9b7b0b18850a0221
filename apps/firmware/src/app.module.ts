import 'reflect-metadata';
import { Module, type DynamicModule } from '@nestjs/common';
import { listFirmwareActs } from '@muster/contracts/audit/requests';
import { eventStream } from '@muster/contracts';
import { createEventStore, eventStoreMigrations, told, translateBy } from '@muster/event-store';
import { openFileStore } from '@muster/files';
import { KnownDevices, knownDevicesMigrations } from '@muster/known-devices';
import type { RunningApp } from '@muster/observability';
import { actHandlersOf, maintenanceOf, BUS, DATABASE, EVENT_STORE, startService } from '@muster/service-host';
import { SETTINGS } from './providers.js';
import { Firmware1763600200001 } from '../migrations/0001-firmware.js';
import { FirmwareKnownDevices1763600200002 } from '../migrations/0002-known-devices.js';
import { DownloadTokens1763600200003 } from '../migrations/0003-download-tokens.js';
import { FirmwareTypeRevisions1763600200004 } from '../migrations/0004-firmware-type-revisions.js';
import { loadConfig, loadStreamMaxAgeHours } from './config.js';
import { DeviceDownloads } from './download/device-downloads.js';
import { downloadToken } from './download/download-token.decider.js';
import { DownloadTokenHandlers } from './download/download-token.handlers.js';
import { OperatorTokens, operatorTokensProjection } from './download/operator-tokens.projection.js';
import { RevocationsReactor } from './download/revocations.reactor.js';
import { fileRemovalsProjection } from './file-removal/file-removals.projection.js';
import { startHousekeeping } from './file-removal/housekeeping.js';
import { firmwareType } from './firmware-type/firmware-type.decider.js';
import { FirmwareTypeHandlers } from './firmware-type/firmware-type.handlers.js';
import { FirmwareTypes, firmwareTypesProjection } from './firmware-type/firmware-types.projection.js';
import { firmware } from './firmware/firmware.decider.js';
import { FirmwareHandlers } from './firmware/firmware.handlers.js';
import { Firmwares, firmwaresProjection } from './firmware/firmwares.projection.js';
import { publishedOfFirmware } from './firmware/firmware.published.js';
import { publishedOfSoftware } from './software/software.published.js';
import { publishedOfUpload } from './upload/upload.published.js';
import { deviceSoftware } from './software/software.decider.js';
import { ErasureHandlers } from './software/erasure.handlers.js';
import { KnownDevicesReactor } from './software/known-devices.reactor.js';
import { RunningSoftwareHandlers } from './software/running-software.handlers.js';
import { SoftwareHandlers } from './software/software.handlers.js';
import { upload } from './upload/upload.decider.js';
import { UploadHandlers } from './upload/upload.handlers.js';
import { UploadTokens } from './upload/upload-tokens.js';
import { Uploads, uploadsProjection } from './upload/uploads.projection.js';

const SERVICE = 'firmware';
const SCHEMA = 'firmware';

/** Written in the transaction of their events, and rebuildable from them. */
export const projections = [
  firmwareTypesProjection,
  firmwaresProjection,
  operatorTokensProjection,
  uploadsProjection,
  fileRemovalsProjection,
];

export const aggregates = [firmwareType, firmware, downloadToken, deviceSoftware, upload];
const translate = translateBy(
  told(firmwareType, () => []), // a name for operators to choose from
  told(firmware, publishedOfFirmware),
  told(downloadToken, () => []), // an operator's own affair, and its text is a secret
  told(deviceSoftware, publishedOfSoftware),
  told(upload, publishedOfUpload),
);

/** What is on record of people's acts, and as what they know it. */
const ActHandlers = actHandlersOf({
  service: SERVICE,
  contract: listFirmwareActs,
  kinds: { software: 'device', upload: 'file' },
});

@Module({})
export class AppModule {
  static of(providers: NonNullable<DynamicModule['providers']>): DynamicModule {
    return {
      module: AppModule,
      controllers: [
        ActHandlers,
        FirmwareTypeHandlers,
        FirmwareHandlers,
        DownloadTokenHandlers,
        SoftwareHandlers,
        RunningSoftwareHandlers,
        UploadHandlers,
        ErasureHandlers,
        KnownDevicesReactor,
        RevocationsReactor,
      ],
      providers,
    };
  }
}

const migrations = [
  ...eventStoreMigrations,
  ...knownDevicesMigrations,
  Firmware1763600200001,
  FirmwareKnownDevices1763600200002,
  DownloadTokens1763600200003,
  FirmwareTypeRevisions1763600200004,
];

export const { migrate, rebuilds, checkup } = maintenanceOf({
  name: SERVICE,
  schema: SCHEMA,
  migrations,
  aggregates,
  projections,
  streamMaxAgeHours: loadStreamMaxAgeHours,
});

/** Resolves when requests are served: waits for PostgreSQL and NATS, however long they take. */
export const start = (env?: Readonly<Record<string, string | undefined>>): Promise<RunningApp> => {
  const config = loadConfig(env);
  const settings = { ...config, baseUrl: config.baseUrl.replace(/\/+$/, '') };
  return startService({
    name: SERVICE,
    schema: SCHEMA,
    migrations,
    stream: eventStream(SERVICE),
    config,
    serve: async ({ database, bus, logger, metrics }) => {
      const files = await openFileStore(config);
      const store = createEventStore(database, { projections });
      const uploads = new Uploads(database);
      const operatorTokens = new OperatorTokens(database);
      const tokens = new UploadTokens(database, config.uploadTokenSeconds);
      return {
        module: AppModule.of([
          { provide: BUS, useValue: bus },
          { provide: DATABASE, useValue: database },
          { provide: EVENT_STORE, useValue: store },
          { provide: SETTINGS, useValue: settings },
          { provide: FirmwareTypes, useValue: new FirmwareTypes(database) },
          { provide: Firmwares, useValue: new Firmwares(database, settings) },
          { provide: OperatorTokens, useValue: operatorTokens },
          { provide: DeviceDownloads, useValue: new DeviceDownloads(database, config.deviceTokenSeconds) },
          { provide: Uploads, useValue: uploads },
          { provide: UploadTokens, useValue: tokens },
          { provide: KnownDevices, useValue: new KnownDevices(database, bus) },
        ]),
        relay: { translate, aggregates },
        background: {
          housekeeping: startHousekeeping({
            database,
            store,
            files,
            uploads,
            tokens,
            operatorTokens,
            keepDays: config.uploadsKeepDays,
            everyMs: config.sweepSeconds * 1_000,
            logger,
            metrics,
          }),
        },
        checks: { files: () => files.ping() },
        close: () => files.close(),
      };
    },
  });
};
