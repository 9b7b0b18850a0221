import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { definePublished, eventStream, newId } from '@muster/contracts';
import { createLogger } from '@muster/observability';
import { startNats, type NatsServer } from '@muster/testing';
import { IsInt } from 'class-validator';
import { connectBus, streamExtent, tailEvents, type Bus } from './index.js';

class Counted {
  @IsInt()
  n!: number;
}

const counted = definePublished({
  service: 'origin',
  entity: 'thing',
  verb: 'counted',
  schemaVersion: 1,
  data: Counted,
});
const logger = createLogger({ service: 'spec', level: 'silent' });
const { name: stream, subjects } = eventStream('origin');

let nats: NatsServer;
let bus: Bus;

beforeAll(async () => {
  nats = await startNats();
  bus = await connectBus({ url: nats.url, name: 'spec', logger });
});

afterAll(async () => {
  await bus.close();
  await nats.stop();
});

const publish = (n: number, entityId: string, tenantId = 'default') =>
  bus.publish(counted, {
    tenantId,
    entityId,
    id: newId(),
    time: '2026-01-01T00:00:00.000Z',
    data: { n },
  });

/** The next `count` events after `after`. */
const read = async (entityId: string, after: number, count: number) => {
  const ended = new AbortController();
  const filter = `muster.v1.event.origin.default.*.*.${entityId}`;
  const seen: { seq: number; n: number }[] = [];
  for await (const { seq, event } of tailEvents(bus, {
    stream,
    filter,
    events: [counted],
    after,
    logger,
    signal: ended.signal,
  })) {
    seen.push({ seq, n: (event.data as Counted).n });
    if (seen.length === count) break;
  }
  ended.abort();
  return seen;
};

describe('tailEvents', () => {
  it('waits for a stream that is not there yet', async () => {
    expect(await streamExtent(bus, stream)).toBeNull();
    const id = newId();
    const reading = read(id, 0, 1);
    await bus.ensureStream({ name: stream, subjects, maxAgeMs: 60_000, maxBytes: 1_000_000 });
    await publish(1, id);
    expect((await reading).map(({ n }) => n)).toEqual([1]);
  });

  it('begins behind a place, and reads one entity of one tenant, in order, what is there and what comes', async () => {
    const id = newId();
    const before = await streamExtent(bus, stream);
    await publish(1, id);
    await publish(9, newId());
    await publish(9, id, 'other');
    await publish(2, id);
    const first = await read(id, before?.last ?? 0, 2);
    expect(first.map(({ n }) => n)).toEqual([1, 2]);
    const reading = read(id, first[0]?.seq ?? 0, 2);
    await publish(3, id);
    expect((await reading).map(({ n }) => n)).toEqual([2, 3]);
  });

  it('goes on where it was when the server was away', async () => {
    const id = newId();
    const { last = 0 } = (await streamExtent(bus, stream)) ?? {};
    await publish(1, id);
    const reading = read(id, last, 2);
    await nats.kill9();
    await nats.restart();
    await publish(2, id);
    expect((await reading).map(({ n }) => n)).toEqual([1, 2]);
  });

  it('reads all of a stream that was lost and made again, which counts from the beginning', async () => {
    const id = newId();
    await publish(1, id);
    const { last = 0 } = (await streamExtent(bus, stream)) ?? {};
    expect((await read(id, last + 1_000, 1)).map(({ n }) => n)).toEqual([1]);
  });
});
