import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, Module, type INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppError, eventStream, newId, type Done, type JsonObject } from '@muster/contracts';
import {
  configurationApplied,
  configurationDispatched,
  configurationRejected,
  desiredConfigurationChanged,
  reportedStateChanged,
  type ValueChanges,
} from '@muster/contracts/configuration/published';
import {
  awaitConfigurationPublished,
  findConfigurationStates,
  listConfigurationStates,
  type AwaitPublished,
  type ConfigurationState,
  type ConfigurationStatePage,
  type FindConfigurationStates,
  type FoundConfigurationStates,
  type ListConfigurationStates,
} from '@muster/contracts/configuration/states.requests';
import { deleteDevice, getDevice, listDevices } from '@muster/contracts/device-registry/devices.requests';
import { selectDevices } from '@muster/contracts/device-registry/selection.requests';
import { awaitState } from '@muster/contracts/device-registry/state.requests';
import {
  awaitSoftwarePublished,
  listRunningSoftware,
  type ListRunningSoftware,
  type RunningSoftware,
  type RunningSoftwarePage,
} from '@muster/contracts/firmware/running-software.requests';
import { Handles, NatsStrategy } from '@muster/messaging';
import { createLogger } from '@muster/observability';
import { eventually } from '@muster/testing';
import {
  actor,
  base,
  code,
  problem,
  startRegistry,
  tenantId,
  type RunningRegistry,
} from '../running-registry.fixture.js';
import { rebuilds } from '../app.module.js';
import { DeviceStates } from './device-states.js';

/** What configuration and firmware, which are other apps, would answer. */
const around = {
  states: new Map<string, ConfigurationState>(),
  software: new Map<string, RunningSoftware>(),
  asked: [] as string[],
  pages: 0,
  published: () => Promise.resolve(),
};

@Controller()
class Configuration {
  @Handles(awaitConfigurationPublished)
  async published({ withinMs }: AwaitPublished): Promise<Done> {
    expect(withinMs).toBeGreaterThan(0);
    await around.published();
    return {};
  }

  @Handles(findConfigurationStates)
  find({ devices }: FindConfigurationStates): Promise<FoundConfigurationStates> {
    const ids = devices.map(({ deviceId }) => deviceId);
    around.asked.push(...ids);
    // One does not fit.
    const now = ids.slice(0, 1);
    const askAgain = devices.slice(1);
    return Promise.resolve({
      items: now.flatMap((id) => around.states.get(id) ?? []),
      ...(askAgain.length === 0 ? {} : { askAgain }),
    });
  }

  @Handles(listConfigurationStates)
  list({ after }: ListConfigurationStates): Promise<ConfigurationStatePage> {
    around.pages += 1;
    const [one, ...more] = [...around.states.values()]
      .filter(({ deviceId }) => deviceId > (after?.deviceId ?? ''))
      .sort((a, b) => (a.deviceId < b.deviceId ? -1 : 1));
    return Promise.resolve({
      items: one === undefined ? [] : [one],
      next: one === undefined || more.length === 0 ? null : { tenantId, deviceId: one.deviceId },
    });
  }
}

@Controller()
class Firmware {
  @Handles(awaitSoftwarePublished)
  published({ withinMs }: AwaitPublished): Promise<Done> {
    return withinMs > 0 ? Promise.resolve({}) : Promise.reject(new Error('no time'));
  }

  @Handles(listRunningSoftware)
  list({ limit }: ListRunningSoftware): Promise<RunningSoftwarePage> {
    return Promise.resolve({ items: [...around.software.values()].slice(0, limit), next: null });
  }
}

@Module({ controllers: [Configuration] })
class ConfigurationModule {}
@Module({ controllers: [Firmware] })
class FirmwareModule {}

let registry: RunningRegistry;
let deviceType: string;
let others: INestMicroservice[];

beforeAll(async () => {
  registry = await startRegistry();
  for (const service of ['configuration', 'firmware']) {
    const { name, subjects } = eventStream(service);
    await registry.bus.ensureStream({
      name,
      subjects,
      maxAgeMs: 3_600_000,
      maxBytes: 10_000_000,
    });
  }
  deviceType = (await registry.createType()).id;
  const logger = createLogger({ service: 'spec', level: 'silent' });
  const serve = async (module: new () => object, service: string): Promise<INestMicroservice> => {
    const app = await NestFactory.createMicroservice(module, {
      strategy: new NatsStrategy({ bus: registry.bus, service, logger }),
      logger: false,
    });
    await app.listen();
    return app;
  };
  others = [await serve(ConfigurationModule, 'configuration'), await serve(FirmwareModule, 'firmware')];
  await eventually(() => awaited(), { what: 'what was before is filled in', deadlineMs: 20_000 });
});

afterAll(async () => {
  for (const app of others) await app.close();
  await registry.stop();
});

beforeEach(() => {
  around.asked = [];
  around.published = () => Promise.resolve();
});

const device = async (): Promise<string> => (await registry.provision({ deviceType })).id;
const found = async (filter: string): Promise<string[]> =>
  (await registry.bus.request(selectDevices, { tenantId, filter })).deviceIds;
const awaited = (filter?: string): Promise<unknown> =>
  registry.bus.request(
    awaitState,
    { tenantId, ...(filter === undefined ? {} : { filter }) },
    { timeoutMs: 10_000 },
  );

const at = '2026-11-28T10:00:00.000Z';
const fact = (deviceId: string, version: number, configId: string) => ({
  deviceId,
  version,
  at,
  configId,
  source: actor,
});
const envelope = (entityId: string) => ({ tenantId, entityId, id: newId(), time: at });
const desired = (id: string, version: number, configId: string, changes: ValueChanges): Promise<void> =>
  registry.bus.publish(desiredConfigurationChanged, {
    ...envelope(id),
    data: { ...fact(id, version, configId), changes },
  });
const reported = (id: string, version: number, configId: string, changes: ValueChanges): Promise<void> =>
  registry.bus.publish(reportedStateChanged, {
    ...envelope(id),
    data: { ...fact(id, version, configId), changes, interface: 'mqtt' },
  });
const dispatched = (id: string, version: number, configId: string, sentAt = new Date().toISOString()) =>
  registry.bus.publish(configurationDispatched, {
    ...envelope(id),
    data: { ...fact(id, version, configId), at: sentAt, interface: 'mqtt', subscriber: true },
  });
const answered = (id: string, version: number, configId: string, statusCode: number): Promise<void> =>
  statusCode === 200
    ? registry.bus.publish(configurationApplied, {
        ...envelope(id),
        data: { ...fact(id, version, configId), implicit: false },
      })
    : registry.bus.publish(configurationRejected, {
        ...envelope(id),
        data: { ...fact(id, version, configId), statusCode },
      });
const known = (deviceId: string, version: number, values: JsonObject): ConfigurationState => {
  const state: ConfigurationState = {
    tenantId,
    deviceId,
    version,
    desired: values,
    reported: values,
    configId: `of-${version}`,
    dispatched: null,
    confirmation: { configId: `of-${version}`, rejected: false },
  };
  around.states.set(deviceId, state);
  return state;
};

describe('what the configuration service tells', () => {
  it('is found by filters, and shown with the device', async () => {
    const id = await device();
    await desired(id, 1, 'c1', { interval: { to: 60 }, mode: { to: 'eco' } });
    await awaited();
    expect(await found('desired.interval==60;syncState==pending')).toEqual([id]);
    await dispatched(id, 2, 'c1');
    await awaited();
    expect(await found('desired.interval==60;syncState==dispatched')).toEqual([id]);
    await answered(id, 3, 'c1', 200);
    await reported(id, 4, 'c1', { interval: { to: 60 }, mode: { to: 'eco' } });
    await awaited();
    expect(await found('desired.interval==60;reported.interval==60;syncState==in_sync')).toEqual([id]);
    expect(await registry.bus.request(getDevice, { tenantId, deviceId: id })).toMatchObject({
      syncState: 'in_sync',
      configId: 'c1',
    });
    await desired(id, 5, 'c2', { mode: { from: 'eco' }, interval: { from: 60, to: 300 } });
    await dispatched(id, 6, 'c2', '2026-11-01T00:00:00.000Z');
    await awaited();
    expect(await found('desired.mode=exists=true')).toEqual([]);
    expect(await found('desired.interval>60;syncState==unconfirmed')).toEqual([id]);
    await answered(id, 7, 'c2', 400);
    await awaited();
    expect(await found('desired.interval==300;syncState==rejected')).toEqual([id]);
    expect(around.asked).toEqual([]);
  });

  it('is asked for where an event is missing, and counts on from there', async () => {
    const [late, other] = [await device(), await device()];
    known(late, 7, { asked: 7 });
    known(other, 9, { asked: 9 });
    await reported(late, 7, 'of-7', { asked: { to: 7 } });
    await reported(other, 9, 'of-9', { asked: { to: 9 } });
    await awaited();
    expect(await found('reported.asked==7;desired.asked==7')).toEqual([late]);
    expect(await found('reported.asked==9')).toEqual([other]);
    expect(new Set(around.asked)).toEqual(new Set([late, other]));
    around.asked = [];
    // Those that were told in between come late: they are in it.
    await desired(late, 3, 'of-3', { asked: { to: 3 } });
    await reported(late, 8, 'of-7', { asked: { from: 7, to: 8 } });
    await awaited();
    expect(await found('desired.asked==7;reported.asked==8')).toEqual([late]);
    expect(around.asked).toEqual([]);
  });

  it('never replaces what is newer', async () => {
    const id = await device();
    const states = new DeviceStates(registry.database, 300_000);
    await states.replace([known(id, 5, { newest: true })]);
    await states.replace([{ ...known(id, 4, { newest: false }) }]);
    expect(await found('desired.newest==true')).toEqual([id]);
  });

  it('goes with the device, and does not come back', async () => {
    const id = await device();
    await desired(id, 1, 'c1', { gone: { to: 1 } });
    await awaited();
    expect(await found('desired.gone==1')).toEqual([id]);
    await registry.bus.request(deleteDevice, { ...base, deviceId: id });
    await desired(id, 2, 'c2', { gone: { to: 2 } });
    await desired(id, 7, 'c7', { gone: { to: 7 } });
    await awaited();
    const { rowCount } = await registry.database.query('SELECT FROM device_state WHERE device_id = $1', [id]);
    expect(rowCount).toBe(0);
  });

  it('is not written of a device that is being deleted', async () => {
    const id = await device();
    const states = new DeviceStates(registry.database, 300_000);
    const event = { tenantId, deviceId: id, version: 1, desired: { race: { to: 1 } } };
    let deleted: Promise<unknown> = Promise.resolve();
    await registry.database.transaction(async (tx) => {
      // Somebody who follows events has seen the device, and has not committed.
      await tx.query(
        `SELECT pg_advisory_xact_lock_shared(hashtextextended('device-registry rows of devices that go', 0))`,
      );
      await tx.query(
        `INSERT INTO device_state (tenant_id, device_id, version, desired, reported, config_id, sync_state, sync_facts)
         VALUES ($1, $2, 1, '{}', '{}', '', 'none', '{}')`,
        [tenantId, id],
      );
      deleted = registry.bus.request(deleteDevice, { ...base, deviceId: id }, { timeoutMs: 10_000 });
      await eventually(
        async () =>
          (await tx.query(`SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`)).rowCount === 1,
        { what: 'the deletion waits' },
      );
    });
    await deleted;
    await states.learn([event]);
    const { rowCount } = await registry.database.query('SELECT FROM device_state WHERE device_id = $1', [id]);
    expect(rowCount).toBe(0);
  });
});

describe('how far behind it is', () => {
  it('is in every list', async () => {
    await awaited();
    const before = Date.now();
    const list = await eventually(
      async () => {
        const page = await registry.bus.request(listDevices, { tenantId, filter: 'syncState!=none' });
        expect(Date.parse(page.stateAsOf ?? '')).toBeGreaterThan(before);
        return page;
      },
      { what: 'it is looked at again', deadlineMs: 5_000 },
    );
    expect(list.stateLagSeconds).toBeLessThan(5);
  });

  it('is waited for until what was acknowledged is published', async () => {
    const id = await device();
    // Acknowledged by the service, and published when the relay gets to it.
    around.published = () => desired(id, 1, 'c1', { acknowledged: { to: true } });
    await awaited('desired.acknowledged==true');
    expect(await found('desired.acknowledged==true')).toEqual([id]);
  });

  it('is not waited for where the filter reads none of it', async () => {
    around.published = () => Promise.reject(new AppError('unavailable', 'Away.'));
    await awaited('deviceType==*');
    await awaited('software.default==1');
    expect(await code(awaited('reported.x==1'))).toBe('unavailable');
  });

  it('is refused with how many events are missing, when they are not applied in time', async () => {
    const id = await device();
    await registry.database.transaction(async (tx) => {
      await tx.query('LOCK TABLE device_state');
      await desired(id, 1, 'c1', { slow: { to: true } });
      const refused = await problem(registry.bus.request(awaitState, { tenantId }, { timeoutMs: 1_000 }));
      expect(refused).toMatchObject({ code: 'unavailable' });
      expect(refused.detail).toContain('is behind configuration (messages: 1)');
    });
    await awaited();
    expect(await found('desired.slow==true')).toEqual([id]);
  });
});

describe('what was so before the events were followed', () => {
  it('is asked for again, page by page, and does not replace what is newer', async () => {
    around.states.clear();
    const [one, two, newer] = [await device(), await device(), await device()];
    known(one, 3, { filled: 1 });
    known(two, 4, { filled: 2 });
    around.software.set(one, { tenantId, deviceId: one, version: 6, software: { default: '4.0.0' } });
    await desired(newer, 1, 'c1', { filled: { to: 3 } });
    await awaited();
    around.states.set('unknown', { ...known(two, 4, { filled: 2 }), deviceId: 'unknown' });
    const { run } = rebuilds['state'] ?? { run: () => Promise.reject(new Error('there is no such rebuild')) };
    expect(await run(registry.databaseUrl, {})).toContain('are asked for again');
    expect(await code(awaited('desired.filled==1'))).toBe('unavailable');
    await eventually(() => registry.bus.request(awaitState, { tenantId }, { timeoutMs: 2_000 }), {
      what: 'all is filled in',
      deadlineMs: 15_000,
    });
    expect(await found('desired.filled==1;reported.filled==1;software.default==4.0.0')).toEqual([one]);
    expect(await found('desired.filled==2')).toEqual([two]);
    expect(await found('desired.filled==3')).toEqual([newer]);
    expect(around.pages).toBeGreaterThan(2);
    const { rows } = await registry.database.query(`SELECT FROM device_state WHERE device_id = 'unknown'`);
    expect(rows).toEqual([]);
  });
});
