import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { definePublished, eventStream, newId } from '@muster/contracts';
import { createLogger } from '@muster/observability';
import { eventually, startNats, type NatsServer } from '@muster/testing';
import { IsInt } from 'class-validator';
import { connectBus, subscribeLive, type Bus, type Delivered } from './index.js';

class Ended {
  @IsInt()
  version!: number;
}

const thing = { service: 'origin', entity: 'thing', schemaVersion: 1, data: Ended };
const ended = definePublished({ ...thing, verb: 'ended' });
const begun = definePublished({ ...thing, verb: 'begun' });
const logger = createLogger({ service: 'spec', level: 'silent' });

let nats: NatsServer;
let bus: Bus;

beforeAll(async () => {
  nats = await startNats();
  bus = await connectBus({ url: nats.url, name: 'spec', logger });
  const { name, subjects } = eventStream('origin');
  await bus.ensureStream({ name, subjects, maxAgeMs: 60_000, maxBytes: 1_000_000 });
});

afterAll(async () => {
  await bus.close();
  await nats.stop();
});

const publish = (contract: typeof ended, entityId: string, version: number, tenantId = 'default') =>
  bus.publish(contract, {
    tenantId,
    entityId,
    id: newId(),
    time: '2026-01-01T00:00:00.000Z',
    data: { version },
  });

const follow = async (entityId: string, seen: Delivered[]) =>
  subscribeLive(bus, {
    events: [ended],
    tenantId: 'default',
    entityId,
    logger,
    onEvent: (event) => seen.push(event),
  });

describe('subscribeLive', () => {
  it('gets what is published for that entity after it resolved, and nothing else', async () => {
    const seen: Delivered[] = [];
    const id = newId();
    await publish(ended, id, 1);
    const live = await follow(id, seen);
    await publish(ended, newId(), 2);
    await publish(begun, id, 3);
    await publish(ended, id, 4, 'other');
    await publish(ended, id, 5);
    await eventually(() => seen.length > 0);
    live.stop();
    expect(seen).toEqual([
      expect.objectContaining({ contract: ended, tenantId: 'default', entityId: id, data: { version: 5 } }),
    ]);
    expect(seen[0]?.time).toBe('2026-01-01T00:00:00.000Z');
  });

  it('gets nothing more once stopped', async () => {
    const seen: Delivered[] = [];
    const id = newId();
    const live = await follow(id, seen);
    await publish(ended, id, 1);
    await eventually(() => seen.length === 1);
    live.stop();
    live.stop();
    const control: Delivered[] = [];
    const other = await follow(id, control);
    await publish(ended, id, 2);
    await eventually(() => control.length === 1);
    other.stop();
    expect(seen).toHaveLength(1);
  });

  it('passes over an event that breaks its contract', async () => {
    const seen: Delivered[] = [];
    const id = newId();
    const live = await follow(id, seen);
    await publish(ended, id, 'x' as unknown as number);
    await publish(ended, id, 2);
    await eventually(() => seen.length === 1);
    live.stop();
    expect(seen[0]?.data).toEqual({ version: 2 });
  });

  it('says so when the server is away', async () => {
    await nats.kill9();
    await eventually(() => !bus.isConnected());
    await expect(follow(newId(), [])).rejects.toMatchObject({ code: 'unavailable' });
    await nats.restart();
    await eventually(() => bus.isConnected());
  });
});
