import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import type { DoorReport } from '@muster/contracts/device-registry/connectivity.requests';
import { connectBus, type Bus } from '@muster/messaging';
import { createLogger, Metrics } from '@muster/observability';
import { eventually, startNats, type NatsServer } from '@muster/testing';
import { startStandIns, World, type StandIns } from '@muster/uplink/stand-in-services';
import { DoorPresence } from './door-presence.js';

/** Real NATS; device-registry is a stand-in that writes down what it is told, and leases. */
const logger = createLogger({ service: 'spec', level: 'silent' });
let nats: NatsServer;
let services: StandIns;
let world: World;
let bus: Bus;
let presence: DoorPresence;
const parked: DoorReport[] = [];
let parkFault: Error | undefined;

const start = (): DoorPresence =>
  new DoorPresence({
    bus,
    leaseSeconds: 3,
    park: async (_door, report) => {
      if (parkFault !== undefined) throw parkFault;
      parked.push(report);
      return Promise.resolve();
    },
    logger,
    metrics: new Metrics('spec'),
  });

beforeEach(async () => {
  nats = await startNats();
  world = new World();
  services = await startStandIns(nats.url, world);
  bus = await connectBus({ url: nats.url, name: 'spec', logger });
  presence = start();
  await eventually(() => presence.isReady(), { what: 'the first answer' });
}, 60_000);

afterEach(async () => {
  await presence.stop();
  await bus.close();
  await services.stop();
  await nats.stop();
});

const open = (connection: string, deviceId = `of-${connection}`): void => {
  presence.opened({
    connection,
    clientId: 'c\0',
    tenantId: 'default',
    deviceId,
    transport: 'tcp',
    protocol: '3.1.1',
    at: new Date(),
  });
};
const use = (connection: string, deviceId: string): void => {
  presence.used({ connection, tenantId: 'default', deviceId, at: new Date() });
};
const close = (connection: string): void => {
  presence.closed({ connection, reason: 'lost', at: new Date() });
};
const told = (): string[] => world.doorReports.map(({ kind, connection }) => `${kind} ${connection}`);

describe('presence', () => {
  it('is told in order and in batches', async () => {
    open('k0');
    use('k0', 'd2');
    for (let n = 1; n < 1_200; n += 1) open(`k${n}`);
    close('k0');
    await eventually(() => world.doorReports.length === 1_202, { what: 'all reports' });
    expect(told().slice(0, 2)).toEqual(['opened k0', 'used k0']);
    expect(told().at(-1)).toBe('closed k0');
    expect(Math.max(...world.doorBatches)).toBeLessThanOrEqual(500);
    expect(world.doorBatches.filter((reports) => reports > 0).length).toBeLessThan(8);
    expect(world.doorReports[0]).toMatchObject({ clientId: 'c\ufffd', deviceId: 'of-k0', transport: 'tcp' });
  });

  it('keeps its lease when there is nothing to tell, as one door', async () => {
    await eventually(() => world.doorBatches.filter((reports) => reports === 0).length > 3);
    expect(world.doors.size).toBe(1);
  });

  it('that is told once is not told again', async () => {
    open('k1');
    await eventually(() => told().length === 1);
    const renewals = world.doorBatches.length;
    await eventually(() => world.doorBatches.length > renewals + 1, { what: 'the next renewals' });
    expect(told()).toEqual(['opened k1']);
  });

  it('waits while device-registry is away, and loses nothing', async () => {
    world.connectivityFault = new AppError('unavailable', 'away');
    open('k1');
    close('k1');
    open('k2');
    world.connectivityFault = undefined;
    await eventually(() => told().length === 3);
    await services.stop();
    open('k3');
    close('k2');
    services = await startStandIns(nats.url, world);
    await eventually(() => told().length === 5, { what: 'the rest', deadlineMs: 15_000 });
    expect(told()).toEqual(['opened k1', 'closed k1', 'opened k2', 'opened k3', 'closed k2']);
  });

  it('waits while NATS is away, and loses nothing', async () => {
    await nats.kill9();
    open('k1');
    close('k1');
    open('k2');
    await nats.restart();
    await eventually(() => told().length >= 3, { what: 'all of it', deadlineMs: 20_000 });
    expect(told().slice(-3)).toEqual(['opened k1', 'closed k1', 'opened k2']);
  });

  it('is told anew, of all that is open, when the lease had lapsed', async () => {
    open('k1');
    use('k1', 'd2');
    open('k2');
    await eventually(() => told().length === 3);
    const [before] = world.doors;
    world.freeze('device-registry');
    close('k2');
    open('k3');
    world.doors.clear();
    world.doorReports.length = 0;
    world.thaw('device-registry');
    await eventually(() => told().length >= 4, { what: 'all of it anew' });
    expect(told()).toEqual(['closed k2', 'opened k1', 'used k1', 'opened k3']);
    expect([...world.doors]).not.toContain(before);
    expect(world.doors.size).toBe(1);
  });

  it('that cannot be digested is set aside, and holds up nothing else', async () => {
    parkFault = new AppError('unavailable', 'nor can it be parked yet');
    // Longer than the contract allows.
    presence.closed({ connection: 'nobody', reason: 'lost', at: new Date() });
    open('x'.repeat(65));
    for (let n = 0; n < 20; n += 1) open(`k${n}`);
    parkFault = undefined;
    await eventually(() => told().length === 20, { what: 'the others', deadlineMs: 25_000 });
    expect(parked.map(({ connection }) => connection)).toEqual(['x'.repeat(65)]);
  }, 40_000);

  it('that is left is told at the end, and the lease is given back', async () => {
    for (let n = 0; n < 1_000; n += 1) open(`k${n}`);
    await presence.stop();
    expect(told()).toHaveLength(1_000);
    expect(world.doors.size).toBe(0);
  });

  it('does not keep the process from ending while device-registry is away', async () => {
    await services.stop();
    open('k1');
    const from = Date.now();
    await presence.stop();
    expect(Date.now() - from).toBeLessThan(8_000);
  });
});
