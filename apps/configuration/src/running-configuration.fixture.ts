import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import pg from 'pg';
import { AppError, eventStream, newId } from '@muster/contracts';
import {
  configurationReoffered,
  desiredConfigurationChanged,
  type DesiredConfigurationChanged,
} from '@muster/contracts/configuration/published';
import {
  getDeviceType,
  type DeviceTypeRef,
  type DeviceTypeView,
} from '@muster/contracts/device-registry/device-types.requests';
import {
  getDevice,
  type DeviceRef,
  type DeviceView,
} from '@muster/contracts/device-registry/devices.requests';
import {
  deviceChanged,
  deviceProvisioned,
  deviceTypeDeleted,
} from '@muster/contracts/device-registry/published';
import { configurationJobChanged, type JobChanged } from '@muster/contracts/jobs/published';
import {
  connectBus,
  Consumes,
  Handles,
  isEvent,
  NatsStrategy,
  type Bus,
  type Delivered,
} from '@muster/messaging';
import { createLogger, NestLogger } from '@muster/observability';
import { eventually, startNats, testDatabase } from '@muster/testing';
import { migrate, start } from './app.module.js';

export const tenantId = 'default';
export const actor = { kind: 'user', id: 'anna' } as const;

/** What the registry, which is another app, would know; and what the service has published. */
interface Surroundings {
  readonly types: Map<string, DeviceTypeView>;
  readonly devices: Map<string, DeviceView>;
  readonly changed: Delivered<DesiredConfigurationChanged>[];
  readonly reoffered: string[];
  readonly jobs: Map<string, JobChanged>;
}

/** The service over real NATS and PostgreSQL, with a registry that has what a test gives it. */
export const runningConfiguration = async (name: string) => {
  const logger = createLogger({ service: 'spec', level: 'fatal' });
  const around: Surroundings = {
    types: new Map(),
    devices: new Map(),
    changed: [],
    reoffered: [],
    jobs: new Map(),
  };

  @Controller()
  class Registry {
    @Handles(getDevice)
    device({ deviceId }: DeviceRef): Promise<DeviceView> {
      const found = around.devices.get(deviceId);
      return found === undefined
        ? Promise.reject(new AppError('device-not-found', 'No such device.'))
        : Promise.resolve(found);
    }

    @Handles(getDeviceType)
    type({ deviceType }: DeviceTypeRef): Promise<DeviceTypeView> {
      const found = [...around.types.values()].find(({ id, name: own }) => [id, own].includes(deviceType));
      return found === undefined
        ? Promise.reject(new AppError('device-type-not-found', 'There is no such device type.'))
        : Promise.resolve(found);
    }

    @Consumes({
      durable: 'spec',
      events: [desiredConfigurationChanged, configurationReoffered, configurationJobChanged],
    })
    take(events: Delivered[]): Promise<void> {
      for (const event of events) {
        if (isEvent(event, desiredConfigurationChanged)) around.changed.push(event);
        else if (isEvent(event, configurationReoffered)) around.reoffered.push(event.data.deviceId);
        else if (isEvent(event, configurationJobChanged)) {
          const known = around.jobs.get(event.data.jobId);
          if (known !== undefined && known.version >= event.data.version) continue;
          const errors = [...(known?.errors ?? []), ...(event.data.errors ?? [])];
          around.jobs.set(event.data.jobId, { ...event.data, errors });
        }
      }
      return Promise.resolve();
    }
  }

  @Module({ controllers: [Registry] })
  class SpecModule {}

  const [nats, database] = await Promise.all([startNats(), testDatabase({ name, migrate })]);
  const bus = await connectBus({ url: nats.url, name: 'spec', logger });
  const registry = eventStream('device-registry');
  await bus.ensureStream({
    name: registry.name,
    subjects: registry.subjects,
    maxAgeMs: 3_600_000,
    maxBytes: 10_000_000,
  });
  const service = await start({
    MUSTER_DATABASE_URL: database.url,
    MUSTER_NATS_URL: nats.url,
    MUSTER_LOG_LEVEL: 'fatal',
  });
  const app = await NestFactory.createMicroservice(SpecModule, {
    strategy: new NatsStrategy({ bus, service: 'device-registry', logger }),
    logger: new NestLogger(logger),
  });
  await app.listen();
  const sql = new pg.Client({ connectionString: database.url });
  await sql.connect();

  return {
    ...around,
    ...registryOf(bus, around),
    bus,
    sql,
    /** A connection of one's own, for transactions beside the service's. */
    connect: async () => {
      const client = new pg.Client({ connectionString: database.url });
      await client.connect();
      return client;
    },
    /** The job, when it has ended. */
    ended: (jobId: string | null) =>
      eventually(
        () => {
          const job = around.jobs.get(jobId ?? '');
          if (job?.endedAt === undefined) throw new Error(`the job is ${job?.status ?? 'not there'}`);
          return job;
        },
        { what: 'the job has ended', deadlineMs: 20_000 },
      ),
    stop: async () => {
      await sql.end();
      await app.close();
      await service.stop();
      await bus.close();
      await nats.stop();
      await database.drop();
    },
  };
};

const at = '2026-01-01T00:00:00.000Z';

/** Makes what the registry has, and tells of it as the registry does. */
const registryOf = (bus: Bus, { types, devices }: Surroundings) => {
  const fact = (deviceId: string, version: number) => ({
    deviceId,
    version,
    at: new Date().toISOString(),
    actor,
  });
  const envelope = (entityId: string) => ({ tenantId, entityId, id: newId(), time: at });
  const type = (...appVersions: string[]): DeviceTypeView => {
    const id = newId();
    const made = {
      id,
      name: `type-${id}`,
      appVersions: appVersions.map((name) => ({ id: newId(), name })),
      settings: {},
      version: 1,
      createdAt: at,
    };
    types.set(id, made);
    return made;
  };
  /** Known to the registry; nobody was told. */
  const device = ({ id: deviceTypeId, name: deviceType }: DeviceTypeView, appVersion: string): string => {
    const id = newId();
    devices.set(id, {
      id,
      name: id,
      deviceType,
      deviceTypeId,
      appVersion,
      interface: 'mqtt',
      folder: '/',
      tags: [],
      metadata: {},
      connectivity: { connected: null, since: null, lastSeenAt: null },
      version: 1,
      createdAt: at,
    });
    return id;
  };
  return {
    type,
    device,
    provisioned: (of: DeviceTypeView, appVersion: string) => {
      const id = device(of, appVersion);
      return bus
        .publish(deviceProvisioned, {
          ...envelope(id),
          data: {
            ...fact(id, 1),
            name: id,
            deviceTypeId: of.id,
            deviceType: of.name,
            appVersion,
            interface: 'mqtt',
            folder: '/',
            tags: [],
            metadata: {},
          },
        })
        .then(() => id);
    },
    upgraded: async (id: string, to: string) => {
      const before = devices.get(id);
      if (before === undefined) throw new Error('no such device');
      const version = before.version + 1;
      devices.set(id, { ...before, appVersion: to, version });
      await bus.publish(deviceChanged, {
        ...envelope(id),
        data: { ...fact(id, version), changes: { appVersion: { from: before.appVersion, to } } },
      });
    },
    typeDeleted: (deviceTypeId: string) =>
      bus.publish(deviceTypeDeleted, {
        ...envelope(deviceTypeId),
        data: { deviceTypeId, version: 2, at, actor },
      }),
  };
};
