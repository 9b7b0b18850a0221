import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventStream, newId, type JsonValue } from '@muster/contracts';
import {
  queryBuckets,
  type Aggregate,
  type QueryBuckets,
} from '@muster/contracts/telemetry/buckets.requests';
import { storeSamples } from '@muster/contracts/telemetry/requests';
import { connectBus, type Bus } from '@muster/messaging';
import { createLogger, type RunningApp } from '@muster/observability';
import { startNats, testDatabase, type NatsServer, type TestDatabase } from '@muster/testing';
import { migrate, start } from '../index.js';

const tenantId = 'default';
/** Of the service under test. */
const LIMITS = { points: 600, samples: 1_000 };

let nats: NatsServer;
let database: TestDatabase;
let service: RunningApp;
let bus: Bus;

beforeAll(async () => {
  [nats, database] = await Promise.all([startNats(), testDatabase({ name: 'telemetry', migrate })]);
  bus = await connectBus({
    url: nats.url,
    name: 'spec',
    logger: createLogger({ service: 'spec', level: 'silent' }),
  });
  const { name, subjects } = eventStream('device-registry');
  await bus.ensureStream({ name, subjects, maxAgeMs: 3_600_000, maxBytes: 10_000_000 });
  service = await start({
    MUSTER_DATABASE_URL: database.url,
    MUSTER_NATS_URL: nats.url,
    MUSTER_LOG_LEVEL: 'silent',
    MUSTER_TELEMETRY_BUCKET_POINTS: String(LIMITS.points),
    MUSTER_TELEMETRY_BUCKET_SAMPLES: String(LIMITS.samples),
  });
});

afterAll(async () => {
  await service.stop();
  await bus.close();
  await nats.stop();
  await database.drop();
});

let arrivals = 0;
/** A device that has sent these, each at its time. */
const deviceWith = async (
  ...samples: readonly (readonly [at: string, data: JsonValue])[]
): Promise<string> => {
  const deviceId = newId();
  const messages = samples.map(([at, data]) => ({
    ...{ tenantId, deviceId, appVersion: 'v1', redelivered: false, duplicate: false },
    receivedAt: Date.now() * 1_000 + (arrivals += 1),
    samples: [{ at: Date.parse(at) * 1_000, data }],
  }));
  for (let from = 0; from < messages.length; from += 500) {
    const { outcomes } = await bus.request(storeSamples, { messages: messages.slice(from, from + 500) });
    expect(outcomes.filter(({ code }) => code !== undefined)).toEqual([]);
  }
  return deviceId;
};
const query = (deviceId: string, more: Partial<QueryBuckets> = {}) =>
  bus.request(
    queryBuckets,
    {
      ...{ tenantId, deviceId, keys: ['t'], bucket: '1h' },
      ...{ from: '2026-11-01T00:00:00Z', to: '2026-11-02T00:00:00Z' },
      ...more,
    },
    { timeoutMs: 10_000 },
  );
const pointsOf = async (deviceId: string, more: Partial<QueryBuckets> = {}) =>
  (await query(deviceId, more)).series.flatMap(({ points }) => points);
const at = (time: string): string => `2026-11-01T${time}.000Z`;

describe('telemetry in buckets', () => {
  const values: Record<Aggregate, [string, JsonValue][]> = {
    avg: [
      [at('10:00:00'), 2],
      [at('12:00:00'), 7],
    ],
    min: [
      [at('10:00:00'), 1],
      [at('12:00:00'), 7],
    ],
    max: [
      [at('10:00:00'), 3],
      [at('12:00:00'), 7],
    ],
    sum: [
      [at('10:00:00'), 6],
      [at('12:00:00'), 7],
    ],
    count: [
      [at('10:00:00'), 4],
      [at('12:00:00'), 1],
      [at('13:00:00'), 2],
    ],
    first: [
      [at('10:00:00'), 3],
      [at('12:00:00'), 7],
      [at('13:00:00'), null],
    ],
    last: [
      [at('10:00:00'), 'off'],
      [at('12:00:00'), 7],
      [at('13:00:00'), { a: [1] }],
    ],
  };
  let device: string;
  beforeAll(async () => {
    device = await deviceWith(
      [at('13:30:00'), { t: null }],
      [at('10:00:00'), { t: 3, h: 50 }],
      [at('10:20:00'), { t: 1 }],
      [at('10:20:00'), { t: 2 }],
      [at('10:59:59'), { t: 'off' }],
      [at('11:30:00'), { h: 40 }],
      [at('12:00:00'), { t: 7 }],
      [at('13:30:00'), { t: { a: [1] } }],
      ['2026-11-02T00:00:00.000Z', { t: 100 }],
    );
  });

  it.each(Object.entries(values))('gives the %s of each that has one', async (name, points) => {
    const aggregates = [name as Aggregate];
    expect(await query(device, { aggregates })).toEqual({
      series: [{ key: 't', aggregate: name, points }],
      nextCursor: null,
    });
    expect(await pointsOf(device, { aggregates, order: 'desc' })).toEqual(points.toReversed());
  });

  it('gives all of them for several keys at once, and nothing of a key that nobody sent', async () => {
    const aggregates = Object.keys(values) as Aggregate[];
    const { series } = await query(device, { keys: ['t', 'h', 'nothing'], aggregates });
    expect(series.map(({ key }) => key)).toEqual([
      ...Array<string>(7).fill('h'),
      ...Array<string>(7).fill('t'),
    ]);
    for (const { key, aggregate, points } of series) {
      if (key === 't') expect([aggregate, points]).toEqual([aggregate, values[aggregate as Aggregate]]);
    }
    expect(await query(newId(), { aggregates })).toEqual({ series: [], nextCursor: null });
  });

  it('agrees with the samples themselves at the ends of what is asked for', async () => {
    const more = { aggregates: ['count' as const], from: at('10:20:00'), to: at('12:00:00') };
    expect(await pointsOf(device, more)).toEqual([[at('10:00:00'), 3]]);
    expect(
      await pointsOf(device, { ...more, from: at('10:20:00.001'.slice(0, 8)), to: at('10:20:00') }),
    ).toEqual([]);
  });

  it.each([1, 2, 3, 100])('comes page by page, %i points each, in both directions', async (limit) => {
    for (const order of ['asc', 'desc'] as const) {
      const found: unknown[] = [];
      let cursor: string | undefined;
      do {
        const page = await query(device, {
          aggregates: ['count', 'last'],
          limit,
          order,
          ...(cursor && { cursor }),
        });
        found.push(...page.series.flatMap(({ aggregate, points }) => (aggregate === 'last' ? points : [])));
        cursor = page.nextCursor ?? undefined;
      } while (cursor !== undefined);
      expect(found).toEqual(order === 'asc' ? values.last : values.last.toReversed());
    }
  });

  it('takes keys as they are, and samples that are no objects for nothing', async () => {
    const odd = await deviceWith(
      [at('10:00:00'), { 'x (0, 1)': 1, '': 2, "a'b": 3 }],
      [at('10:00:01'), ['x (0, 1)', '']],
      [at('10:00:02'), 'text'],
    );
    const { series } = await query(odd, { keys: ['', 'x (0, 1)', "a'b"], aggregates: ['sum'] });
    expect(series.map(({ key, points }) => [key, points[0]?.[1]])).toEqual([
      ['', 2],
      ["a'b", 3],
      ['x (0, 1)', 1],
    ]);
  });
});

describe('a day', () => {
  const days = (deviceId: string, more: Partial<QueryBuckets>) =>
    pointsOf(deviceId, {
      ...{ bucket: '1d', aggregates: ['count'] },
      ...{ from: '2026-01-01T00:00:00Z', to: '2026-11-29T00:00:00Z' },
      ...more,
    });
  /** From `from` on, one each hour. */
  const hourly = (from: string, hours: number) =>
    deviceWith(
      ...Array.from({ length: hours }, (_none, hour): [string, JsonValue] => [
        new Date(Date.parse(from) + hour * 3_600_000).toISOString(),
        { t: hour },
      ]),
    );

  it('has 25 hours in Paris when summer time ends, 23 when it begins, and 24 in UTC', async () => {
    const autumn = await hourly('2026-10-24T22:00:00Z', 49);
    expect(await days(autumn, { timeZone: 'Europe/Paris' })).toEqual([
      ['2026-10-24T22:00:00.000Z', 25],
      ['2026-10-25T23:00:00.000Z', 24],
    ]);
    expect(await days(autumn, {})).toEqual([
      ['2026-10-24T00:00:00.000Z', 2],
      ['2026-10-25T00:00:00.000Z', 24],
      ['2026-10-26T00:00:00.000Z', 23],
    ]);
    const spring = await hourly('2026-03-28T23:00:00Z', 47);
    expect(await days(spring, { timeZone: 'Europe/Paris' })).toEqual([
      ['2026-03-28T23:00:00.000Z', 23],
      ['2026-03-29T22:00:00.000Z', 24],
    ]);
  });

  it('begins where the day before ends, also where midnight comes twice or not at all', async () => {
    // In Havana it was 0:00 again an hour after 0:00 on 2 November 2025, and 1:00 came after 23:59 on 9 March. A year that is over:
    // of the next one the zones of two versions of PostgreSQL were not the same.
    const havana = { timeZone: 'America/Havana', from: '2025-01-01T00:00:00Z', to: '2025-12-31T00:00:00Z' };
    const twice = await hourly('2025-11-02T04:00:00Z', 25);
    expect(await days(twice, havana)).toEqual([['2025-11-02T04:00:00.000Z', 25]]);
    const never = await hourly('2025-03-09T04:00:00Z', 25);
    expect(await days(never, havana)).toEqual([
      ['2025-03-08T05:00:00.000Z', 1],
      ['2025-03-09T05:00:00.000Z', 23],
      ['2025-03-10T04:00:00.000Z', 1],
    ]);
  });

  it('is one of a week from Monday, as 7d', async () => {
    const device = await hourly('2026-11-22T23:00:00Z', 2);
    expect(await days(device, { bucket: '7d' })).toEqual([
      ['2026-11-16T00:00:00.000Z', 1],
      ['2026-11-23T00:00:00.000Z', 1],
    ]);
  });
});

describe('a query that is too large', () => {
  it('in points is refused with the rule and the limit, before anything is read', async () => {
    const device = newId();
    const wanted = { bucket: '1m', from: at('00:00:00'), to: at('04:09:00') };
    await expect(query(device, { ...wanted, keys: ['a', 'b'] })).resolves.toMatchObject({ series: [] });
    await expect(query(device, { ...wanted, keys: ['a', 'b', 'c'] })).rejects.toMatchObject({
      code: 'telemetry-query-too-large',
      errors: [
        { path: 'bucket', message: expect.stringMatching(/^makes 750 points \(250 .* may have 600: /) },
      ],
    });
    await expect(
      query(device, { ...wanted, keys: ['a'], aggregates: ['min', 'avg', 'max'] }),
    ).rejects.toMatchObject({ code: 'telemetry-query-too-large' });
  });

  it('in samples is refused, and one that has just as many is not', async () => {
    const samples = Array.from({ length: LIMITS.samples }, (_none, nth): [string, JsonValue] => [
      new Date(Date.parse('2026-11-01T00:00:00Z') + nth * 1_000).toISOString(),
      { t: 1 },
    ]);
    const device = await deviceWith(...samples);
    expect(await pointsOf(device, { aggregates: ['sum'], bucket: '1d' })).toEqual([
      ['2026-11-01T00:00:00.000Z', LIMITS.samples],
    ]);
    await bus.request(storeSamples, {
      messages: [
        {
          ...{ tenantId, deviceId: device, appVersion: 'v1', redelivered: false, duplicate: false },
          receivedAt: Date.now() * 1_000,
          samples: [{ at: Date.parse(at('23:00:00')) * 1_000, data: { t: 1 } }],
        },
      ],
    });
    await expect(query(device, { bucket: '1d' })).rejects.toMatchObject({
      code: 'telemetry-query-too-large',
      errors: [{ path: 'from', message: expect.stringContaining('more than 1000 samples') }],
    });
  });

  it('in numbers is refused, and its smallest and largest value are not', async () => {
    const device = await deviceWith([at('10:00:00'), { t: 1e308 }], [at('10:00:01'), { t: 1.5e308 }]);
    await expect(query(device, { aggregates: ['sum'] })).rejects.toMatchObject({
      code: 'telemetry-query-too-large',
      errors: [{ path: 'aggregate', message: expect.stringContaining('a double') }],
    });
    expect(await pointsOf(device, { aggregates: ['max'] })).toEqual([[at('10:00:00'), 1.5e308]]);
  });
});

describe('a query that is wrong', () => {
  it.each([
    [{ bucket: '0s' }, 'bucket'],
    [{ bucket: '367d' }, 'bucket'],
    [{ bucket: '5' }, 'bucket'],
    [{ bucket: '1.5h' }, 'bucket'],
    [{ timeZone: '+01:00' }, 'timeZone'],
    [{ timeZone: 'Europe/Atlantis' }, 'timeZone'],
    [{ aggregates: ['median' as Aggregate] }, 'aggregates'],
    [{ keys: [] }, 'keys'],
    [{ cursor: 'x' }, 'cursor'],
  ])('is refused by name: %j', async (more, path) => {
    await expect(query(newId(), more)).rejects.toMatchObject({
      code: 'invalid-request',
      errors: expect.arrayContaining([expect.objectContaining({ path })]),
    });
  });
});
