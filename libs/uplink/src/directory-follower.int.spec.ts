import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectBus, type Bus } from '@muster/messaging';
import { createLogger } from '@muster/observability';
import { eventually, startNats, type NatsServer } from '@muster/testing';
import { startStandIns, World, type StandIns } from './stand-in-services.js';
import { DeviceDirectory } from './device-directory.js';
import { DirectoryFollower } from './directory-follower.js';

const logger = createLogger({ service: 'test', level: 'silent' });
let nats: NatsServer;
let bus: Bus;
let services: StandIns;
const world = new World();
const directory = new DeviceDirectory('mqtt');
let follower: DirectoryFollower;

const change = (deviceId: string, tokenStatus: 'active' | 'suspended' | 'revoked'): void => {
  const index = world.entries.findIndex((entry) => entry.deviceId === deviceId);
  const [entry] = world.entries.splice(index, 1);
  if (entry !== undefined) world.entries.push({ ...entry, tokenStatus });
};
const codeOf = (deviceId: string): string => {
  const admission = directory.admit(`token-of-${deviceId}`, 'radiator-v1');
  return admission.admitted ? 'admitted' : admission.code;
};

beforeAll(async () => {
  nats = await startNats();
  bus = await connectBus({ url: nats.url, name: 'test', logger });
  // Before device-registry is there: nothing to read and no stream to follow.
  follower = new DirectoryFollower(directory, bus, logger);
  world.device('d1');
  services = await startStandIns(nats.url, world);
}, 30_000);

afterAll(async () => {
  await follower.stop();
  await bus.close();
  await services.stop();
  await nats.stop();
});

describe('the directory', () => {
  it('is read when device-registry comes, also after us', async () => {
    await eventually(() => follower.isLoaded, { deadlineMs: 15_000 });
    await follower.loaded;
    expect(codeOf('d1')).toBe('admitted');
  });

  it('follows what changes', async () => {
    world.device('d2');
    change('d1', 'suspended');
    await services.tokenChanged('d1');
    await services.tokenChanged('d2');
    await eventually(() => codeOf('d1') === 'token-suspended' && codeOf('d2') === 'admitted');
  });

  it('is read anew after NATS was away, because what changed meanwhile was told to nobody', async () => {
    await nats.kill9();
    await eventually(() => !bus.isConnected());
    change('d1', 'active');
    change('d2', 'revoked');
    await nats.restart();
    await eventually(() => codeOf('d1') === 'admitted' && codeOf('d2') === 'token-revoked', {
      what: 'the directory is true again',
      deadlineMs: 25_000,
    });
    // And it follows again.
    change('d1', 'suspended');
    await services.tokenChanged('d1');
    await eventually(() => codeOf('d1') === 'token-suspended', { deadlineMs: 15_000 });
  }, 60_000);
});
