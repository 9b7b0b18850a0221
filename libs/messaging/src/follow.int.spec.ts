import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { jetstream } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { definePublished, eventStream } from '@muster/contracts';
import { createLogger } from '@muster/observability';
import { eventually, startNats, type NatsServer } from '@muster/testing';
import { IsInt } from 'class-validator';
import { connectBus, followEvents, followNotices, type Bus, type Follower } from './index.js';

class Moved {
  @IsInt()
  to!: number;
}

const moved = definePublished({
  service: 'origin',
  entity: 'thing',
  verb: 'moved',
  schemaVersion: 1,
  data: Moved,
});
const other = definePublished({
  service: 'origin',
  entity: 'thing',
  verb: 'left',
  schemaVersion: 1,
  data: Moved,
});
const logger = createLogger({ service: 'test', level: 'silent' });
let server: NatsServer;
let bus: Bus;
let raw: NatsConnection;
let follower: Follower;
let starts = 0;
let ids = 0;
const heard: string[] = [];

const publish = (to: number, contract = moved): Promise<void> =>
  bus.publish(contract, {
    ...{ tenantId: 't1', entityId: `e${to}`, id: `event-${(ids += 1)}`, time: new Date().toISOString() },
    data: { to },
  });
/** As a version before bundles does. */
const publishAlone = (to: number): Promise<unknown> =>
  jetstream(raw).publish(moved.subject('t1', `e${to}`), JSON.stringify({ to }));

const parts = { events: [moved], logger, onStart: () => void (starts += 1) };
const following = {
  events: () => followEvents(bus, { ...parts, onEvent: ({ entityId }) => void heard.push(entityId) }),
  notices: () => followNotices(bus, { ...parts, onNotice: ({ entityId }) => void heard.push(entityId) }),
};

beforeAll(async () => {
  server = await startNats();
  bus = await connectBus({ url: server.url, name: 'test', logger });
  raw = await connect({ servers: server.url, maxReconnectAttempts: -1 });
  const { name, subjects } = eventStream('origin');
  await bus.ensureStream({ name, subjects, maxAgeMs: 60_000, maxBytes: 1_000_000 });
});

afterEach(async () => {
  await follower.stop();
  heard.length = 0;
  starts = 0;
});

afterAll(async () => {
  await Promise.all([bus.close(), raw.close()]);
  await server.stop();
});

describe.each(['events', 'notices'] as const)('who follows %s', (what) => {
  it('hears each event once, and only of what it asks for', async () => {
    await publish(0);
    follower = following[what]();
    await eventually(() => starts === 1);
    await publish(1);
    await publish(2, other);
    await publish(3);
    await eventually(() => heard.includes('e3'));
    expect(heard).toEqual(['e1', 'e3']);
    expect(starts).toBe(1);
  });

  it('hears of what a version before bundles publishes, also in turn with one that knows them', async () => {
    await publishAlone(9);
    follower = following[what]();
    await eventually(() => follower.isFollowing());
    await publishAlone(10);
    await eventually(() => heard.includes('e10'));
    await publish(11);
    await publish(12);
    await eventually(() => heard.includes('e12'));
    await publishAlone(13);
    await eventually(() => heard.includes('e13'));
    await publish(14);
    await eventually(() => heard.includes('e14'));
    expect(heard).toEqual(['e10', 'e11', 'e12', 'e13', 'e14']);
    expect(follower.isFollowing()).toBe(true);
  });
});
