import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { eventStream, newId } from '@muster/contracts';
import { commandCreated } from '@muster/contracts/commands/published';
import type { BulkOutcome } from '@muster/contracts';
import {
  claimCommands,
  dueCommands,
  recordCommandsDispatched,
  type ClaimCommands,
  type ClaimedCommands,
  type DueCommandList,
  type DueCommands,
  type RecordCommandsDispatched,
} from '@muster/contracts/commands/requests';
import { softwareApplied } from '@muster/contracts/firmware/published';
import {
  dueSoftware,
  recordSoftwareDispatched,
  type DueSoftware,
  type DueSoftwareList,
  type RecordSoftwareDispatched,
  type SoftwareDispatchesRecorded,
} from '@muster/contracts/firmware/software.requests';
import { connectBus, Handles, NatsStrategy, type Bus } from '@muster/messaging';
import { createLogger, createMetrics, NestLogger } from '@muster/observability';
import { eventually, startNats, type NatsServer } from '@muster/testing';
import { AccessQuestions, DeviceDirectory, DirectoryFollower } from '@muster/uplink';
import { startStandIns, World, type StandIns } from '@muster/uplink/stand-in-services';
import { Downlink, reactorsOf } from './index.js';
import { standInWire } from './stand-in-wire.fixture.js';

/** An adapter of a second interface, whole: all that it brings is a wire, and who has become reachable. */
const logger = createLogger({ service: 'spec', level: 'silent' });
const tenantId = 'default';
const absent = new Set<string>();
/** What happens between the question what is due and the record, once. */
let meanwhile: () => unknown = () => undefined;
const wire = standInWire(async ({ token }) => {
  meanwhile();
  meanwhile = () => undefined;
  return !absent.has(token);
}, 'iothub');
const world = new World();

/** What firmware and commands answer, and are told. By device; the same however often it is asked for. */
const software = new Map<string, string>();
const offered: RecordSoftwareDispatched['dispatches'] = [];
const commands = new Map<string, number>();
const given: RecordCommandsDispatched['dispatches'] = [];
const reasons: (boolean | undefined)[] = [];

@Controller()
class Surroundings {
  @Handles(dueSoftware)
  async due({ devices, changed }: DueSoftware): Promise<DueSoftwareList> {
    reasons.push(changed);
    const items = devices.flatMap(({ deviceId }) => {
      const configId = software.get(deviceId);
      return configId === undefined ? [] : [{ tenantId, deviceId, configId, config: { version: configId } }];
    });
    return { items };
  }

  @Handles(recordSoftwareDispatched)
  async record({ dispatches }: RecordSoftwareDispatched): Promise<SoftwareDispatchesRecorded> {
    offered.push(...dispatches);
    const older = dispatches.filter(({ deviceId, configId }) => software.get(deviceId) !== configId);
    return {
      outcomes: dispatches.map(() => ({})),
      superseded: older.map(({ deviceId }) => ({ tenantId, deviceId })),
    };
  }

  @Handles(dueCommands)
  async outstanding({ devices }: DueCommands): Promise<DueCommandList> {
    const items = devices.flatMap(({ deviceId }) => {
      const id = commands.get(deviceId);
      return id === undefined ? [] : [{ tenantId, deviceId, type: 'reboot', id }];
    });
    return { items };
  }

  @Handles(claimCommands)
  async claim({ claims }: ClaimCommands): Promise<ClaimedCommands> {
    return { granted: claims.map(() => true) };
  }

  @Handles(recordCommandsDispatched)
  async sent({ dispatches }: RecordCommandsDispatched): Promise<BulkOutcome> {
    given.push(...dispatches);
    return { outcomes: dispatches.map(() => ({})) };
  }
}

@Module({ controllers: [Surroundings] })
class SurroundingsModule {}

@Module({})
class AdapterModule {}

let nats: NatsServer;
let services: StandIns;
let bus: Bus;
let follower: DirectoryFollower;
let downlink: Downlink;
let apps: { close(): Promise<unknown> }[];

beforeAll(async () => {
  nats = await startNats();
  services = await startStandIns(nats.url, world);
  bus = await connectBus({ url: nats.url, name: 'spec', logger });
  for (const service of ['firmware', 'commands']) {
    const { name, subjects } = eventStream(service);
    await bus.ensureStream({ name, subjects, maxAgeMs: 3_600_000, maxBytes: 10_000_000 });
  }
  const directory = new DeviceDirectory('iothub');
  follower = new DirectoryFollower(directory, bus, logger);
  downlink = new Downlink({
    wire,
    uplink: { directory, follower, questions: new AccessQuestions(directory, bus) },
    bus,
    logger,
    metrics: createMetrics('spec'),
    inFlight: 10,
    perSecond: 10_000,
  });
  const controllers = reactorsOf('stand-in-adapter', downlink);
  apps = await Promise.all(
    [SurroundingsModule, { module: AdapterModule, controllers }].map(async (module) => {
      const strategy = new NatsStrategy({ bus, service: 'spec', logger });
      const app = await NestFactory.createMicroservice(module, {
        strategy,
        logger: new NestLogger(logger),
        abortOnError: false,
      });
      await app.listen();
      return app;
    }),
  );
}, 30_000);

afterAll(async () => {
  downlink.stop();
  for (const app of apps) await app.close();
  await follower.stop();
  await services.stop();
  await bus.close();
  await nats.stop();
});

const device = (id: string): { tenantId: string; deviceId: string } => {
  world.device(id, { interface: 'iothub' });
  return { tenantId, deviceId: id };
};
const sentTo = (id: string) =>
  wire.sent
    .filter(({ token }) => token === `token-of-${id}`)
    .map(({ address, body }) => `${address.split(' ').slice(2).join(' ')} ${body}`);
const fact = (deviceId: string) => {
  const time = new Date().toISOString();
  const source = { kind: 'user', id: 'somebody' } as const;
  const envelope = { tenantId, entityId: deviceId, id: newId(), time };
  return { envelope, data: { deviceId, version: 1, at: time, source } };
};

describe('devices of an interface that is not MQTT', () => {
  it('are sent their configuration when it changes, and it is put on record with the interface', async () => {
    const { deviceId } = device('one');
    world.device('of-mqtt');
    absent.add('token-of-one');
    for (const id of [deviceId, 'of-mqtt']) {
      world.documents.set(id, { configId: 'c1', config: { a: 1 } });
      await services.configurationChanged(id);
    }
    await eventually(() => world.dispatched.length === 1, { deadlineMs: 10_000 });
    expect(world.dispatched).toMatchObject([
      { deviceId, configId: 'c1', interface: 'iothub', subscriber: false },
    ]);
    expect(sentTo('one')).toEqual([
      'cmx config/json {"configId":"c1","statusCode":200,"reasonPhrase":"ok","config":{"a":1}}',
    ]);
    expect(sentTo('of-mqtt')).toEqual([]);
  });

  it('are sent what software comes next, and the newer one once more when another push was faster', async () => {
    const { deviceId } = device('two');
    software.set(deviceId, '1.1');
    const { envelope, data } = fact(deviceId);
    const applied = {
      software: 'default',
      softwareVersion: '1.0',
      interface: 'iothub',
      implicit: false,
    } as const;
    await bus.publish(softwareApplied, { ...envelope, data: { ...data, ...applied } });
    await eventually(() => offered.length === 1, { deadlineMs: 10_000 });
    expect(offered).toMatchObject([{ deviceId, configId: '1.1', interface: 'iothub', subscriber: true }]);

    meanwhile = () => software.set(deviceId, '1.2');
    await downlink.software.push([{ tenantId, deviceId }], 'changed');
    expect(offered.map(({ configId }) => configId)).toEqual(['1.1', '1.1', '1.2']);
  });

  it('are sent new commands', async () => {
    const { deviceId } = device('three');
    commands.set(deviceId, 7);
    const { envelope, data } = fact(deviceId);
    const command = { commandId: 'reboot:7', commandType: 'reboot', number: 7 };
    const expiresAt = new Date(Date.now() + 60_000).toISOString();
    await bus.publish(commandCreated, { ...envelope, data: { ...data, ...command, expiresAt } });
    await eventually(() => sentTo('three').length === 1, { deadlineMs: 10_000 });
    expect(sentTo('three')).toEqual(['cex command/reboot [{"id":7}]']);
    await eventually(() => given.length === 1);
    expect(given).toMatchObject([{ deviceId, type: 'reboot', id: 7, interface: 'iothub', subscriber: true }]);
  });

  it('are offered everything that is due when they have become reachable, or what comes where they are', async () => {
    const target = device('four');
    world.documents.set('four', { configId: 'c4', config: {} });
    software.set('four', '2.0');
    commands.set('four', 1);
    await downlink.becameReachable(target);
    expect(
      sentTo('four')
        .map((text) => text.split(' ')[0])
        .sort(),
    ).toEqual(['cex', 'cmx', 'cmx_ota']);
    await downlink.becameReachable(target, (extension) => extension === 'cex');
    expect(sentTo('four')).toHaveLength(4);
  });

  it('are sent after a start what was not sent before', async () => {
    device('five');
    world.documents.set('five', { configId: 'c5', config: {} });
    software.set('five', '5.0');
    commands.set('five', 5);
    await services.tokenChanged('five');
    await eventually(async () => {
      await downlink.makeUp(new AbortController().signal);
      return new Set(sentTo('five').map((text) => text.split(' ')[0])).size === 3;
    });
    expect(reasons.at(-1)).toBe(true);
  });
});
