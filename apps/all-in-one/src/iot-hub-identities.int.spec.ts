import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import tls from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventStream } from '@muster/contracts';
import { createDeviceType } from '@muster/contracts/device-registry/device-types.requests';
import { listDevices, provisionDevice } from '@muster/contracts/device-registry/devices.requests';
import { getHubDevice } from '@muster/contracts/iothub-adapter/devices.requests';
import {
  checkHub,
  createHub,
  editHub,
  getHub,
  type HubEnrolment,
  type HubView,
} from '@muster/contracts/iothub-adapter/hubs.requests';
import {
  listFindings,
  startReconcile,
  type HubFinding,
  type ReconcileInput,
} from '@muster/contracts/iothub-adapter/reconcile.requests';
import { migrate as migrateRegistry, start as startRegistry } from '@muster/device-registry';
import { startSimulator, type Simulator } from '@muster/iothub-simulator';
import { migrate as migrateAdapter } from '@muster/iothub-adapter';
import { connectBus, type Bus } from '@muster/messaging';
import { createLogger, type RunningApp } from '@muster/observability';
import {
  eventually,
  runMark,
  startNats,
  testDatabase,
  type NatsServer,
  type TestDatabase,
} from '@muster/testing';
import type { Registry } from 'azure-iothub';
import pg from 'pg';
import { EVERY_ROUTE, openRegistry } from './iot-hub.fixture.js';

/** Newer than the types of Node that are installed. */
const { getCACertificates, setDefaultCACertificates } = tls as unknown as {
  getCACertificates(which: 'default'): string[];
  setDefaultCACertificates(certificates: readonly string[]): void;
};

const tenantId = 'default';
const actor = { kind: 'user', id: 'anna' } as const;
const base = { tenantId, actor } as const;

let directory: string;
let trusted: string[];
let simulator: Simulator;
let nats: NatsServer;
let database: TestDatabase;
let sql: pg.Client;
let bus: Bus;
let registry: RunningApp;
/** Two replicas. */
let adapters: ChildProcess[] = [];
let hub: HubView;

/** The machine may be busy. */
const ask: Bus['request'] = (contract, body) => bus.request(contract, body, { timeoutMs: 30_000 });

/** A process of its own, as in an installation; one that shared ours would leave timers of the Event Hubs client in it. */
const startOne = (): ChildProcess =>
  spawn(
    process.execPath,
    [resolve(import.meta.dirname, '../../../../apps/iothub-adapter/dist/src/main.js')],
    {
      env: {
        PATH: process.env['PATH'],
        ...runMark(),
        NODE_EXTRA_CA_CERTS: join(directory, 'authority.pem'),
        MUSTER_DATABASE_URL: database.url,
        MUSTER_NATS_URL: nats.url,
        MUSTER_LOG_LEVEL: 'silent',
        MUSTER_SEALING_KEY_FILE: join(directory, 'sealing-key'),
        MUSTER_IOTHUB_ADAPTER_SYNC_EVERY_MS: '100',
        MUSTER_IOTHUB_ADAPTER_CLAIM_SECONDS: '3',
      },
      stdio: 'ignore',
    },
  );

const end = async (signal: NodeJS.Signals): Promise<void> => {
  await Promise.all(
    adapters.map(async (adapter) => {
      if (adapter.exitCode !== null || adapter.signalCode !== null) return;
      const gone = once(adapter, 'exit');
      adapter.kill(signal);
      await gone;
    }),
  );
};

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'muster-iothub-'));
  await writeFile(join(directory, 'sealing-key'), randomBytes(32).toString('base64url'));
  simulator = await startSimulator({ routes: EVERY_ROUTE });
  await writeFile(join(directory, 'authority.pem'), simulator.authority);
  trusted = getCACertificates('default');
  setDefaultCACertificates([...trusted, simulator.authority]);
  [nats, database] = await Promise.all([
    startNats(),
    testDatabase({
      name: 'hub-identities',
      migrate: async (url) => {
        await migrateRegistry(url);
        await migrateAdapter(url);
      },
    }),
  ]);
  sql = new pg.Client({ connectionString: database.url });
  await sql.connect();
  bus = await connectBus({
    url: nats.url,
    name: 'spec',
    logger: createLogger({ service: 'spec', level: 'silent' }),
  });
  for (const service of ['configuration', 'commands', 'firmware', 'telemetry']) {
    const { name, subjects } = eventStream(service);
    await bus.ensureStream({ name, subjects, maxAgeMs: 3_600_000, maxBytes: 10_000_000 });
  }
  registry = await startRegistry({
    MUSTER_DATABASE_URL: database.url,
    MUSTER_NATS_URL: nats.url,
    MUSTER_LOG_LEVEL: 'silent',
  });
  adapters = [startOne(), startOne()];
  await ask(createDeviceType, { ...base, deviceType: { name: 'press' } });
  const factory = { name: 'factory', connectionString: simulator.connectionString(), tier: 'S3' as const };
  hub = await eventually(() => ask(createHub, { ...base, hub: factory, idempotencyKey: 'factory' }), {
    what: 'an adapter answers',
    deadlineMs: 120_000,
  });
}, 180_000);

afterEach(() => simulator.faults.clear());

afterAll(async () => {
  await end('SIGTERM');
  await registry.stop();
  await bus.close();
  await sql.end();
  await nats.stop();
  await database.drop();
  await simulator.close();
  setDefaultCACertificates(trusted);
  await rm(directory, { recursive: true, force: true });
}, 60_000);

/** Longer than `until`: it is much work on a busy machine. */
const within = (what: string, assertions: () => Promise<void>): Promise<true> =>
  eventually(() => assertions().then((): true => true), { what, deadlineMs: 60_000, everyMs: 200 });

let named = 0;
const newDevice = (): Promise<{ id: string; token: string }> =>
  // A hub that is new is heard of by events.
  eventually(
    async () => {
      named += 1;
      const device = { name: `press-${named}`, deviceType: 'press', interface: 'iothub' as const };
      const { id, token = '' } = await ask(provisionDevice, { ...base, device });
      return { id, token };
    },
    { what: 'a device is made', deadlineMs: 60_000 },
  );

const made = ({ id: deviceId }: { id: string }) =>
  within('its identity is made', async () =>
    expect(await ask(getHubDevice, { tenantId, deviceId })).toMatchObject({ identity: 'made' }),
  );

/** Somebody else works in the hub, and it does not tell. */
const unseen = async (work: (registry: Registry) => Promise<unknown>): Promise<void> => {
  simulator.setRoutes(EVERY_ROUTE.filter((route) => route !== 'DeviceLifecycleEvents'));
  await work(openRegistry(simulator));
  simulator.setRoutes(EVERY_ROUTE);
};

const findings = async (which: Partial<Pick<HubFinding, 'finding' | 'outcome'>> = {}) => {
  const { items } = await ask(listFindings, { tenantId, hubId: hub.id, limit: 500, ...which });
  return Object.fromEntries(items.map((one) => [one.hubDeviceId, `${one.finding} ${one.outcome}`]));
};

const devicesCalled = async (prefix: string): Promise<number> => {
  const { total } = await ask(listDevices, {
    tenantId,
    filter: `name==${prefix}*`,
    limit: 1,
    count: true,
  });
  return total ?? 0;
};

describe('a reconciliation', () => {
  const start = (reconcile: ReconcileInput) => ask(startReconcile, { ...base, hubId: hub.id, reconcile });

  interface Progress {
    readonly data: { readonly job: { readonly total: number }; readonly errors?: object[] };
  }

  /** All that the job has told, by its end. */
  const ended = async ({ jobId }: { readonly jobId: string }) => {
    let ending: Progress[] = [];
    await within('the job has ended', async () => {
      const { rows } = await sql.query<Progress & { ended: boolean }>(
        `SELECT e.data, w.ended_at IS NOT NULL AS ended FROM iothub_adapter.job_work w
         JOIN iothub_adapter.events e ON e.stream = 'job-' || w.job_id WHERE w.job_id = $1 ORDER BY e.version`,
        [jobId],
      );
      expect(rows[0]?.ended).toBe(true);
      ending = rows;
    });
    return {
      total: ending.at(-1)?.data.job.total,
      errors: ending.flatMap(({ data }) => data.errors ?? []),
    };
  };

  it('makes, mends and adopts what is different, each once, also when those who do it are stopped half way', async () => {
    const [gone, changed] = await Promise.all([newDevice(), newDevice()]);
    await Promise.all([gone, changed].map(made));
    const strangers = Array.from({ length: 110 }, (_, nth) => `stranger-${nth}`);
    await unseen(async (others) => {
      await others.delete(gone.token);
      const { responseBody: there } = await others.get(changed.token);
      await others.update({ ...there, status: 'disabled' });
      for (const id of strangers) simulator.createDevice(id);
      await others.create({ deviceId: 'asleep', status: 'disabled' });
    });
    const dry = await ended(await start({ dryRun: true }));
    expect(dry).toEqual({ total: 113, errors: [] });
    expect(await findings()).toEqual({
      [gone.token]: 'missing open',
      [changed.token]: 'different open',
      asleep: 'unknown open',
      ...Object.fromEntries(strangers.map((id) => [id, 'unknown open'])),
    });
    expect(() => simulator.deviceConnectionString(gone.token)).toThrow();

    const before = simulator.deviceConnectionString('stranger-7');
    const { id: slow } = simulator.faults.add({ kind: 'rest-delay', ms: 50, path: '/devices/stranger-' });
    const started = await start({ unknown: 'adopt', deviceType: 'press' });
    await expect(start({})).rejects.toMatchObject({ code: 'iot-hub-busy' });
    await within('some are adopted', async () =>
      expect(Object.keys(await findings({ outcome: 'adopted' })).length).toBeGreaterThan(5),
    );
    await end('SIGKILL');
    simulator.faults.remove(slow);
    adapters = [startOne(), startOne()];
    // What is disabled in the hub would be enabled as a device here.
    expect(await ended(started)).toEqual({
      total: 113,
      errors: [expect.objectContaining({ item: 'asleep', code: 'enrolment-refused' })],
    });
    expect(await findings()).toMatchObject({
      [gone.token]: 'missing made',
      [changed.token]: 'different mended',
      asleep: 'unknown refused',
      'stranger-7': 'unknown adopted',
    });
    expect(simulator.deviceConnectionString('stranger-7')).toBe(before);
    expect(simulator.deviceConnectionString(gone.token)).toContain('SharedAccessKey=');
    expect(await devicesCalled('stranger-')).toBe(strangers.length);

    expect(await ended(await start({ unknown: 'remove' }))).toEqual({ total: 1, errors: [] });
    expect(await findings()).toEqual({ asleep: 'unknown removed' });
    expect(await ended(await start({}))).toEqual({ total: 0, errors: [] });
    expect(await findings()).toEqual({});
  }, 180_000);

  it('is refused where nobody could say what the devices are to be', async () => {
    await expect(start({ unknown: 'adopt' })).rejects.toMatchObject({ code: 'invalid-request' });
    await expect(start({ deviceType: 'press' })).rejects.toMatchObject({ code: 'invalid-request' });
  });
});

describe('an identity that somebody else makes in the hub', () => {
  const rule = (enrolment: HubEnrolment) => ask(editHub, { ...base, hubId: hub.id, edit: { enrolment } });
  const enrolled = async () => (await ask(getHub, { tenantId, hubId: hub.id })).enrolment?.enrolled;
  const create = (deviceId: string, authentication: object) =>
    openRegistry(simulator).create({ deviceId, status: 'enabled', authentication });
  const byAuthority = { type: 'certificateAuthority' };
  const found = (hubDeviceId: string, expected: object) =>
    within(`${hubDeviceId} is looked at`, async () => {
      const { items } = await ask(listFindings, { tenantId, hubId: hub.id, limit: 500 });
      expect(items.find((one) => one.hubDeviceId === hubDeviceId)).toMatchObject(expected);
    });

  it('is shown where there is no rule, and enrols when there is one that takes it', async () => {
    await create('early', byAuthority);
    await create('by-key', { type: 'sas', symmetricKey: {} });
    const refused = { finding: 'unknown', outcome: 'refused', code: 'enrolment-disabled' };
    await found('early', refused);
    await found('by-key', refused);
    await rule({ enabled: true, deviceType: 'press', folder: '/plant', tags: ['dps'], limit: 3 });
    await found('early', { outcome: 'adopted' });
    await found('by-key', { code: 'enrolment-refused', detail: expect.stringContaining('sas') as unknown });
    expect(await enrolled()).toBe(1);
    const { items } = await ask(listDevices, { tenantId, filter: 'name==early' });
    expect(items).toMatchObject([{ folder: '/plant', tags: ['dps'], interface: 'iothub' }]);
  }, 120_000);

  it('is one device, also when it is told of twice and looked at by several; as many as the rule allows', async () => {
    simulator.faults.add({ kind: 'event-duplicate' });
    const certificate = randomBytes(32).toString('hex');
    await Promise.all([
      create('twice', byAuthority),
      create('pinned', { type: 'selfSigned', x509Thumbprint: { primaryThumbprint: certificate } }),
    ]);
    await found('twice', { outcome: 'adopted' });
    await found('pinned', { outcome: 'adopted' });
    expect(await enrolled()).toBe(3);
    await create('too-many', byAuthority);
    await found('too-many', { outcome: 'refused', code: 'enrolment-limit-reached' });
    const { items } = await ask(listDevices, { tenantId, filter: 'name=in=(twice,pinned,too-many)' });
    expect(items.map(({ name }) => name).sort()).toEqual(['pinned', 'twice']);
    // Its proof is left as it was, also by what we then want of it.
    await Promise.all(items.map(made));
    const { responseBody } = await openRegistry(simulator).get('pinned');
    expect(responseBody).toMatchObject({
      status: 'enabled',
      authentication: { x509Thumbprint: { primaryThumbprint: certificate.toUpperCase() } },
    });
    await rule({ enabled: true, deviceType: 'press', limit: 4 });
    await found('too-many', { outcome: 'adopted' });
    expect(await enrolled()).toBe(4);
  }, 120_000);

  it('is left alone where the rule is off, and no finding any more when it goes', async () => {
    await rule({ enabled: false, deviceType: 'press' });
    await create('late', byAuthority);
    await found('late', { outcome: 'refused', code: 'enrolment-disabled' });
    await openRegistry(simulator).delete('late');
    await within('it is gone', async () => expect(await findings()).not.toHaveProperty('late'));
    expect(await enrolled()).toBe(4);
  }, 120_000);
});

describe('a twin that somebody else changes', () => {
  const foreign = async ({ id: deviceId }: { id: string }) =>
    (await ask(getHubDevice, { tenantId, deviceId })).foreignChange;
  const desired = async (token: string) => {
    const { responseBody } = await openRegistry(simulator).getTwin(token);
    return responseBody.properties.desired as { $version: number; muster?: object; theirs?: object };
  };
  const change = (token: string, to: object) =>
    openRegistry(simulator).updateTwin(token, { properties: { desired: to } }, '*');

  it('keeps what is theirs, and is as we left it again in what is ours; both are shown', async () => {
    const device = await newDevice();
    await made(device);
    // As the wire leaves it when it has told the device something.
    const ours = { configuration: { configId: 'c1', config: { interval: 5, deep: { a: 1 } } } };
    await change(device.token, { muster: ours });
    const { $version } = await desired(device.token);
    await sql.query(
      `INSERT INTO iothub_adapter.hub_twins (hub_id, hub_device_id, version, ours) VALUES ($1, $2, $3, $4)
       ON CONFLICT (hub_id, hub_device_id) DO UPDATE SET version = excluded.version, ours = excluded.ours`,
      [hub.id, device.token, $version, JSON.stringify(ours)],
    );
    await change(device.token, { theirs: { keep: true } });
    await within('it is shown', async () =>
      expect(await foreign(device)).toMatchObject({ keys: ['theirs'], undone: false }),
    );
    await change(device.token, { muster: { configuration: { config: { interval: 99, deep: null } } } });
    await within('it is put back', async () => {
      expect(await foreign(device)).toMatchObject({ keys: ['muster'], undone: true });
      expect(await desired(device.token)).toMatchObject({ muster: ours, theirs: { keep: true } });
    });
    await change(device.token, { muster: null });
    await within('it is there again', async () =>
      expect(await desired(device.token)).toMatchObject({ muster: ours, theirs: { keep: true } }),
    );
  }, 120_000);
});

describe('the routes of a hub', () => {
  const states = async () => {
    const { routes = [] } = await ask(getHub, { tenantId, hubId: hub.id });
    return Object.fromEntries(routes.map(({ source, state }) => [source, state]));
  };

  it('are seen to work by what was done when the hub was added', async () => {
    await within('the hub has told of it', async () =>
      expect(await states()).toEqual({
        DeviceMessages: 'unknown',
        TwinChangeEvents: 'works',
        DeviceLifecycleEvents: 'works',
        DeviceConnectionStateEvents: 'unknown',
      }),
    );
  }, 120_000);

  it('that are missing are named by a check', async () => {
    expect(await ask(checkHub, { tenantId, hubId: hub.id })).toMatchObject({ works: true, faults: [] });
    simulator.setRoutes(['DeviceMessages', 'DeviceLifecycleEvents']);
    const { works, faults } = await ask(checkHub, { tenantId, hubId: hub.id });
    simulator.setRoutes(EVERY_ROUTE);
    expect(works).toBe(false);
    expect(faults).toEqual([
      {
        about: 'route',
        message: expect.stringContaining('no route of the source TwinChangeEvents') as unknown,
      },
    ]);
  }, 120_000);
});
