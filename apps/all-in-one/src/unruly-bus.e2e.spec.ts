import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { requestContracts } from '@muster/contracts/schema/every-contract';
import { eventually, startPlatform, unrulyNats, type Platform, type UnrulyNats } from '@muster/testing';
import { REFUSED_MOOD, RestlessDevice, type Provisioned } from './restless-device.fixture.js';

/** Of a run that failed, to meet the same choices again. */
const seed = Number(process.env['UNRULY_SEED'] ?? Math.floor(Math.random() * 1e9));
const STAYING = 20;
const DOOMED = 5;
const SHORT_LIVED = 5;
const CHANGES = 12;

const REPEATABLE: ReadonlySet<string> = new Set(
  requestContracts()
    .filter(({ idempotent }) => idempotent)
    .map(({ subject }) => subject),
);

let bus: UnrulyNats;
let platform: Platform;
const devices: RestlessDevice[] = [];

beforeAll(async () => {
  platform = await startPlatform(
    {},
    {
      busOf: async ({ port }) => {
        bus = await unrulyNats({ port, seed, mayRepeat: (subject) => REPEATABLE.has(subject) });
        return bus;
      },
    },
  );
  await ok('POST', '/device-types', { name: 'restless' });
  await ok('POST', '/device-types/restless/app-versions', { name: 'restless-v2' });
}, 60_000);

afterAll(async () => {
  await Promise.all(devices.map((device) => device.vanish()));
  await platform.stop();
});

describe(`a bus that delivers late, in another order and twice (UNRULY_SEED=${seed})`, () => {
  it('leaves every device with its document, every version and every sample in its place, once', async () => {
    const staying = await Promise.all(Array.from({ length: STAYING }, (_, n) => provision(`staying-${n}`)));
    const doomed = await Promise.all(Array.from({ length: DOOMED }, (_, n) => provision(`doomed-${n}`)));
    const documents = staying.map(() => new Map<string, unknown>());
    const gone: string[] = [];

    await Promise.all([
      ...staying.map((device, n) => live(device, n)),
      ...staying.map((device, n) => operate(device, n, documents[n] ?? new Map<string, unknown>())),
      ...doomed.map(async (device) => {
        await device.arrive();
        await setDesired(device.identity.id, { last: 'will' });
        await device.sendSample();
        await ok('DELETE', `/devices/${device.identity.id}`);
        gone.push(device.identity.id);
        await device.vanish();
      }),
      ...Array.from({ length: SHORT_LIVED }, async (_, n) => {
        const { id } = await create(`short-lived-${n}`);
        await setDesired(id, { hello: n });
        await ok('DELETE', `/devices/${id}`);
        gone.push(id);
      }),
    ]);

    for (const [n, device] of staying.entries())
      await hasItsDocument(device, documents[n] ?? new Map<string, unknown>());
    await Promise.all(staying.map(reportsItsState));
    for (const device of staying) await hasItsSamplesOnce(device);
    for (const { identity } of staying) await hasWholeHistory(identity.id);
    for (const id of gone) await isGone(id);
    const metrics = await (await fetch(`${platform.url}/metrics`)).text();
    expect(metrics).toContain('muster_consumed_total');
    expect(metrics.split('\n').filter((line) => line.includes('outcome="parked"'))).toEqual([]);
    expect(bus.done().delayed).toBeGreaterThan(500);
    expect(bus.done().repeated).toBeGreaterThan(300);
  }, 60_000);
});

/** Every third leaves and comes back, every fourth comes back with another application version. */
const live = async (device: RestlessDevice, n: number): Promise<void> => {
  await device.arrive();
  for (let round = 0; round < 4; round += 1) {
    for (let sample = 0; sample < 4; sample += 1) await device.sendSample();
    await device.reportBeat();
    if (n % 3 === 0) {
      await device.leave();
      await device.arrive(n % 4 === 0 ? 'restless-v2' : undefined);
    }
  }
};

/** One after another, so that what is right is known; `document` is what must be there in the end. */
const operate = async (
  { identity: { id } }: RestlessDevice,
  n: number,
  document: Map<string, unknown>,
): Promise<void> => {
  for (let change = 0; change < CHANGES; change += 1) {
    const key = `key${change % 3}`;
    const patch: Record<string, unknown> = { round: change };
    // Every key is set, overwritten and removed; a removal is never the last word of all of them.
    patch[key] = change % 5 === 4 ? null : `${n}/${change}`;
    if (n % 5 === 0) patch['mood'] = change % 2 === 1 ? REFUSED_MOOD : 'good';
    await setDesired(id, patch);
    for (const [name, value] of Object.entries(patch)) {
      if (value === null) document.delete(name);
      else document.set(name, value);
    }
  }
};

const hasItsDocument = async (
  device: RestlessDevice,
  document: ReadonlyMap<string, unknown>,
): Promise<void> => {
  const wanted = Object.fromEntries(document);
  const isRefused = document.get('mood') === REFUSED_MOOD;
  await within(20_000, `${device.identity.id} has its document`, async () => {
    const configuration = await configurationOf(device.identity.id);
    const desired = Object.entries(configuration.keys).flatMap(([key, { desired: value }]) =>
      value === undefined ? [] : [[key, value]],
    );
    expect(Object.fromEntries(desired)).toEqual(wanted);
    expect(device.offered).toMatchObject({ configId: configuration.configId, config: wanted });
    expect(configuration.syncState).toBe(isRefused ? 'rejected' : 'in_sync');
  });
};

/**
 * With the last beat, the reported state is the document and that beat. What a document held that was no longer current
 * when the device said it applied it is not known, so one that refuses the last is looked at for its beat alone.
 */
const reportsItsState = async (device: RestlessDevice): Promise<void> => {
  await device.reportBeat();
  await within(10_000, `${device.identity.id} reports its state`, async () => {
    const { keys } = await configurationOf(device.identity.id);
    const reported = Object.entries(keys).flatMap(([key, { reported: value }]) =>
      value === undefined ? [] : [[key, value]],
    );
    const isInSync = device.applied?.configId === device.offered?.configId;
    const wanted = isInSync ? { ...device.applied?.config, beat: device.beats } : { beat: device.beats };
    expect(Object.fromEntries(reported)).toEqual(isInSync ? wanted : expect.objectContaining(wanted));
  });
};

const hasItsSamplesOnce = (device: RestlessDevice): Promise<void> =>
  within(10_000, `${device.identity.id} has its samples`, async () => {
    const page = await ok('GET', `/devices/${device.identity.id}/telemetry?keys=n&limit=1000`);
    const { series } = page as { series: { points: [string, number][] }[] };
    const stored = (series[0]?.points ?? []).map(([, n]) => n).sort((a, b) => a - b);
    expect(stored).toEqual(Array.from({ length: device.samples }, (_, n) => n));
  });

interface HistoryItem {
  readonly version: number;
  readonly kind: string;
  readonly key?: string;
  readonly from?: unknown;
  readonly to?: unknown;
}

/** No version is missing or there twice, and each value of a key follows from the one before. */
const hasWholeHistory = async (id: string): Promise<void> => {
  const items: HistoryItem[] = [];
  let cursor: string | null = null;
  do {
    const after: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page = await ok('GET', `/devices/${id}/configuration/history?limit=100${after}`);
    const { items: some, nextCursor } = page as { items: HistoryItem[]; nextCursor: string | null };
    items.push(...some);
    cursor = nextCursor;
  } while (cursor !== null);
  const versions = [...new Set(items.map(({ version }) => version))].sort((a, b) => a - b);
  expect(versions).toEqual(versions.map((_, index) => index + 1));
  const places = items.map(({ version, kind, key }) => `${version} ${kind} ${key ?? ''}`);
  expect(new Set(places).size).toBe(places.length);
  for (const kind of ['desired', 'reported']) {
    const values = new Map<string, unknown>();
    for (const { key = '', from, to } of items.filter((item) => item.kind === kind).reverse()) {
      expect(from).toEqual(values.get(key));
      values.set(key, to);
    }
  }
};

const isGone = (id: string): Promise<void> =>
  within(10_000, `${id} is gone`, async () => {
    for (const path of [`/devices/${id}`, `/devices/${id}/configuration`]) {
      expect((await platform.api('GET', path)).status).toBe(404);
    }
    const late = await platform.api('PATCH', `/devices/${id}/configuration/desired`, { too: 'late' });
    expect(late.status).toBe(404);
  });

interface Configuration {
  readonly configId: string;
  readonly syncState: string;
  readonly keys: Readonly<Record<string, { readonly desired?: unknown; readonly reported?: unknown }>>;
}

const configurationOf = async (id: string): Promise<Configuration> =>
  (await ok('GET', `/devices/${id}/configuration`)) as Configuration;

const create = async (name: string): Promise<Provisioned> =>
  (await ok('POST', '/devices', { name, deviceType: 'restless' })) as Provisioned;

const provision = async (name: string): Promise<RestlessDevice> => {
  const device = new RestlessDevice(await create(name));
  devices.push(device);
  return device;
};

const setDesired = (id: string, patch: object): Promise<unknown> =>
  ok('PATCH', `/devices/${id}/configuration/desired`, patch);

const ok = async (method: string, path: string, body?: object): Promise<unknown> => {
  const answer = await platform.api(method, path, body);
  if (answer.status >= 300)
    throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
};

const within = async (deadlineMs: number, what: string, check: () => Promise<void>): Promise<void> => {
  await eventually(
    async () => {
      await check();
      return true;
    },
    { deadlineMs, what },
  );
};
