import {
  type AppError,
  eventStream,
  type BulkOutcome,
  type Done,
  type ItemOutcome,
  type JsonObject,
} from '@muster/contracts';
import { reportResults, type CommandResult, type ReportResults } from '@muster/contracts/commands/requests';
import { desiredConfigurationChanged } from '@muster/contracts/configuration/published';
import {
  dueDocuments,
  fetchDocument,
  recordDispatched,
  reportApplied,
  type AppliedReport,
  type DispatchReport,
  type DocumentView,
  type DueDocumentList,
  type DueDocuments,
  type FetchDocument,
  type RecordDispatched,
  type ReportApplied,
} from '@muster/contracts/configuration/documents.requests';
import {
  findAccess,
  listAccess,
  recordSightings,
  type AccessEntry,
  type AccessPage,
  type AccessType,
  type DeviceSighting,
  type FindAccess,
  type ListAccess,
  type RecordSightings,
} from '@muster/contracts/device-registry/access.requests';
import {
  recordLastSeen,
  reportConnections,
  type ConnectionsReported,
  type DoorReport,
  type LastSeen,
  type RecordLastSeen,
  type ReportConnections,
} from '@muster/contracts/device-registry/connectivity.requests';
import {
  listMetadataKeys,
  writeMetadata,
  type MetadataKeyList,
  type MetadataWrite,
  type WriteMetadata,
} from '@muster/contracts/device-registry/metadata.requests';
import type { DeviceRef } from '@muster/contracts/device-registry/devices.requests';
import { deviceTokenChanged } from '@muster/contracts/device-registry/published';
import { recordParked, type RecordParked } from '@muster/contracts/parked/requests';
import {
  reportSoftwareApplied,
  type ReportSoftwareApplied,
  type SoftwareReport,
} from '@muster/contracts/firmware/software.requests';
import {
  getLatest,
  storeSamples,
  type GetLatest,
  type LatestValues,
  type StoreSamples,
  type TelemetryMessage,
} from '@muster/contracts/telemetry/requests';
import { connectBus, Handles, NatsStrategy, type Bus } from '@muster/messaging';
import { createLogger, NestLogger } from '@muster/observability';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

export type StandIn = 'telemetry' | 'configuration' | 'device-registry' | 'commands' | 'firmware';

/** Only for specs: what the services behind know, and what they were told. Answers over real NATS, as they do. */
export class World {
  readonly entries: AccessEntry[] = [];
  readonly types: AccessType[] = [
    {
      tenantId: 'default',
      deviceTypeId: 'radiator',
      appVersions: ['radiator-v1', 'radiator-v2'],
      settings: {},
    },
  ];
  /** By device; what is here is due until it is applied. */
  readonly documents = new Map<string, { configId: string; config: JsonObject }>();
  readonly stored: TelemetryMessage[] = [];
  readonly applied: AppliedReport[] = [];
  readonly dispatched: DispatchReport[] = [];
  readonly sightings: DeviceSighting[] = [];
  readonly seen: LastSeen[] = [];
  /** What doors told, in its order, also what came again. */
  readonly doorReports: DoorReport[] = [];
  /** How many reports each of their requests held; none: only the lease was renewed. */
  readonly doorBatches: number[] = [];
  /** The lives of doors that hold a lease. Taken out of it, a lease has lapsed. */
  readonly doors = new Set<string>();
  /** Throws for as long as device-registry is to fail. */
  connectivityFault: AppError | undefined;
  readonly batches: number[] = [];
  /** Throws for as long as the telemetry service is to fail. */
  telemetryFault: ((messages: readonly TelemetryMessage[]) => void) | undefined;
  telemetryOutcome: (message: TelemetryMessage) => ItemOutcome = () => ({});
  configurationFault: AppError | undefined;
  readonly results: CommandResult[] = [];
  readonly metadata: MetadataWrite[] = [];
  /** Throws for as long as metadata cannot be written. */
  metadataFault: AppError | undefined;
  readonly software: SoftwareReport[] = [];
  readonly parked: RecordParked[] = [];
  /** Throws for as long as nothing can be parked. */
  parkFault: AppError | undefined;
  /** Devices about which small questions were asked. */
  readonly pinged: string[] = [];
  private readonly frozen = new Map<string, { readonly thawed: Promise<void>; readonly thaw: () => void }>();

  /**
   * Takes requests and answers none, as a process that is stopped (SIGSTOP) does, until it is thawed. Of a device: only its
   * telemetry, and what is asked for together with it.
   */
  freeze(serviceOrDevice: string): void {
    let thaw = (): void => undefined;
    const thawed = new Promise<void>((resolve) => {
      thaw = resolve;
    });
    this.frozen.set(serviceOrDevice, { thawed, thaw });
  }

  thaw(serviceOrDevice: string): void {
    this.frozen.get(serviceOrDevice)?.thaw();
    this.frozen.delete(serviceOrDevice);
  }

  thawAll(): void {
    for (const name of [...this.frozen.keys()]) this.thaw(name);
  }

  async running(serviceOrDevice: string): Promise<void> {
    await this.frozen.get(serviceOrDevice)?.thawed;
  }

  device(deviceId: string, change: Partial<AccessEntry> = {}): AccessEntry {
    const entry: AccessEntry = {
      tenantId: 'default',
      token: `token-of-${deviceId}`,
      tokenId: `id-of-${deviceId}`,
      tokenStatus: 'active',
      deviceId,
      deviceTypeId: 'radiator',
      appVersion: 'radiator-v1',
      interface: 'mqtt',
      credentialKinds: ['token'],
      secretHashes: [],
      ...change,
    };
    this.entries.push(entry);
    return entry;
  }
}

@Controller()
class StandInServices {
  static world = new World();

  private get world(): World {
    return StandInServices.world;
  }

  @Handles(listAccess)
  async list({ limit }: ListAccess): Promise<AccessPage> {
    await this.world.running('device-registry');
    return { entries: this.world.entries.slice(0, limit), types: this.world.types, nextCursor: null };
  }

  @Handles(findAccess)
  async find({ deviceIds = [], tokens = [], deviceTypeIds = [] }: FindAccess): Promise<AccessPage> {
    await this.world.running('device-registry');
    const entries = this.world.entries.filter(
      ({ deviceId, token }) => deviceIds.includes(deviceId) || tokens.includes(token),
    );
    const typeIds = new Set([...deviceTypeIds, ...entries.map(({ deviceTypeId }) => deviceTypeId)]);
    return {
      entries,
      types: this.world.types.filter((type) => typeIds.has(type.deviceTypeId)),
      nextCursor: null,
    };
  }

  @Handles(recordSightings)
  async sighted({ sightings }: RecordSightings): Promise<BulkOutcome> {
    await this.world.running('device-registry');
    this.world.sightings.push(...sightings);
    return { outcomes: sightings.map(() => ({})) };
  }

  @Handles(recordLastSeen)
  async see({ devices }: RecordLastSeen): Promise<BulkOutcome> {
    await this.world.running('device-registry');
    this.world.seen.push(...devices);
    return { outcomes: devices.map(() => ({})) };
  }

  @Handles(reportConnections)
  async told({ door, isNew, leaseSeconds, reports }: ReportConnections): Promise<ConnectionsReported> {
    await this.world.running('device-registry');
    if (this.world.connectivityFault !== undefined) throw this.world.connectivityFault;
    if (!isNew && !this.world.doors.has(door)) return { lapsed: true, outcomes: [] };
    this.world.doors.add(door);
    if (leaseSeconds === 0) this.world.doors.delete(door);
    this.world.doorReports.push(...reports);
    this.world.doorBatches.push(reports.length);
    return { lapsed: false, outcomes: reports.map(() => ({})) };
  }

  @Handles(storeSamples)
  async store({ messages }: StoreSamples): Promise<BulkOutcome> {
    await this.world.running('telemetry');
    for (const { deviceId } of messages) await this.world.running(deviceId);
    this.world.telemetryFault?.(messages);
    this.world.batches.push(messages.length);
    const outcomes = messages.map((message) => this.world.telemetryOutcome(message));
    this.world.stored.push(...messages.filter((_, index) => outcomes[index]?.code === undefined));
    return { outcomes };
  }

  @Handles(fetchDocument)
  async fetch({ deviceId, configId }: FetchDocument): Promise<DocumentView> {
    await this.world.running('configuration');
    if (this.world.configurationFault !== undefined) throw this.world.configurationFault;
    const document = this.world.documents.get(deviceId);
    if (document === undefined) return { unchanged: configId === '', configId: '', config: null };
    if (document.configId === configId) return { unchanged: true, configId, config: null };
    return { unchanged: false, ...document };
  }

  @Handles(reportApplied)
  async report({ reports }: ReportApplied): Promise<BulkOutcome> {
    await this.world.running('configuration');
    this.world.applied.push(...reports);
    return { outcomes: reports.map(() => ({})) };
  }

  @Handles(dueDocuments)
  async due({ devices }: DueDocuments): Promise<DueDocumentList> {
    await this.world.running('configuration');
    if (this.world.configurationFault !== undefined) throw this.world.configurationFault;
    return {
      items: devices.flatMap(({ tenantId, deviceId }) => {
        const document = this.world.documents.get(deviceId);
        const isApplied = this.world.applied.some(
          (report) => report.deviceId === deviceId && report.configId === document?.configId,
        );
        return document === undefined || isApplied ? [] : [{ tenantId, deviceId, ...document }];
      }),
    };
  }

  @Handles(recordDispatched)
  async dispatched({ dispatches }: RecordDispatched): Promise<BulkOutcome> {
    await this.world.running('configuration');
    this.world.dispatched.push(...dispatches);
    return { outcomes: dispatches.map(() => ({})) };
  }

  @Handles(recordParked)
  async park(parked: RecordParked): Promise<Done> {
    if (this.world.parkFault !== undefined) throw this.world.parkFault;
    this.world.parked.push(parked);
    return {};
  }
}

/** The rest of what devices write, and small questions. Apart, because a spec may have services of its own for it. */
@Controller()
class StandInWrites {
  private get world(): World {
    return StandInServices.world;
  }

  @Handles(reportResults)
  async results({ results }: ReportResults): Promise<BulkOutcome> {
    await this.world.running('commands');
    this.world.results.push(...results);
    return { outcomes: results.map(() => ({})) };
  }

  @Handles(writeMetadata)
  async writeMetadata({ writes }: WriteMetadata): Promise<BulkOutcome> {
    await this.world.running('device-registry');
    const { metadataFault: fault } = this.world;
    if (fault !== undefined)
      return { outcomes: writes.map(() => ({ code: fault.code, detail: fault.detail })) };
    this.world.metadata.push(...writes);
    return { outcomes: writes.map(() => ({})) };
  }

  @Handles(getLatest)
  async latest({ deviceId }: GetLatest): Promise<LatestValues> {
    await this.world.running('telemetry');
    this.world.pinged.push(deviceId);
    return { items: [], nextCursor: null };
  }

  @Handles(listMetadataKeys)
  async metadataKeys({ deviceId }: DeviceRef): Promise<MetadataKeyList> {
    await this.world.running('device-registry');
    this.world.pinged.push(deviceId);
    return { keys: [] };
  }

  @Handles(reportSoftwareApplied)
  async reportSoftware({ reports }: ReportSoftwareApplied): Promise<BulkOutcome> {
    await this.world.running('firmware');
    this.world.software.push(...reports);
    return { outcomes: reports.map(() => ({})) };
  }
}

@Module({ controllers: [StandInServices] })
class StandInModule {}

@Module({ controllers: [StandInServices, StandInWrites] })
class EveryStandInModule {}

export interface StandIns {
  readonly bus: Bus;
  readonly world: World;
  /** As device-registry would after a change of this device's entries. */
  tokenChanged(deviceId: string): Promise<void>;
  /** As configuration would after a change of this device's document. */
  configurationChanged(deviceId: string): Promise<void>;
  stop(): Promise<void>;
}

/** `writes`: results of commands, metadata and software reports as well. */
export const startStandIns = async (
  natsUrl: string,
  world: World,
  { writes = false }: { readonly writes?: boolean } = {},
): Promise<StandIns> => {
  const logger = createLogger({ service: 'stand-ins', level: 'silent' });
  const bus = await connectBus({ url: natsUrl, name: 'stand-ins', logger });
  for (const service of ['device-registry', 'configuration']) {
    const { name, subjects } = eventStream(service);
    await bus.ensureStream({ name, subjects, maxAgeMs: 3_600_000, maxBytes: 10_000_000 });
  }
  StandInServices.world = world;
  const app = await NestFactory.createMicroservice(writes ? EveryStandInModule : StandInModule, {
    strategy: new NatsStrategy({ bus, service: 'stand-ins', logger }),
    logger: new NestLogger(logger),
    abortOnError: false,
  });
  await app.listen();
  let version = 0;
  const event = (deviceId: string) => {
    version += 1;
    const time = new Date().toISOString();
    const envelope = { tenantId: 'default', entityId: deviceId, id: `event-${version}-${time}`, time };
    return { envelope, fact: { deviceId, version, at: time } };
  };
  return {
    bus,
    world,
    tokenChanged: async (deviceId) => {
      const { envelope, fact } = event(deviceId);
      const actor = { kind: 'user' as const, id: 'somebody' };
      const data = { ...fact, actor, tokenId: `id-of-${deviceId}`, status: 'active' as const };
      await bus.publish(deviceTokenChanged, { ...envelope, data });
    },
    configurationChanged: async (deviceId) => {
      const { envelope, fact } = event(deviceId);
      const source = { kind: 'user' as const, id: 'somebody' };
      const data = { ...fact, source, configId: world.documents.get(deviceId)?.configId ?? '', changes: {} };
      await bus.publish(desiredConfigurationChanged, { ...envelope, data });
    },
    stop: async () => {
      await app.close();
      await bus.close();
    },
  };
};
