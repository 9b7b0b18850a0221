import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId, type JsonObject } from '@muster/contracts';
import { changeDesiredMany } from '@muster/contracts/configuration/campaign.requests';
import {
  changeDesired,
  getConfiguration,
  listConfigurationHistory,
  reofferConfiguration,
} from '@muster/contracts/configuration/requests';
import {
  dueDocuments,
  fetchDocument,
  recordDispatched,
  reportApplied,
} from '@muster/contracts/configuration/documents.requests';
import {
  changeDefaults,
  editTypeConfiguration,
  getTypeConfiguration,
  type ChangeDefaults,
  type EditTypeConfiguration,
} from '@muster/contracts/configuration/type-configuration.requests';
import type { DeviceTypeView } from '@muster/contracts/device-registry/device-types.requests';
import { eventually, type EventuallyOptions } from '@muster/testing';
import { actor, runningConfiguration, tenantId } from '../running-configuration.fixture.js';

let muster: Awaited<ReturnType<typeof runningConfiguration>>;

beforeAll(async () => {
  muster = await runningConfiguration('type-configuration');
});

afterAll(() => muster.stop());

const edit = (type: DeviceTypeView, change: EditTypeConfiguration['edit'], expectedVersion?: number) =>
  muster.bus.request(editTypeConfiguration, {
    tenantId,
    actor,
    deviceType: type.name,
    edit: change,
    ...(expectedVersion === undefined ? {} : { expectedVersion }),
  });
const defaults = (type: DeviceTypeView, values: JsonObject, more: Partial<ChangeDefaults> = {}) =>
  muster.bus.request(changeDefaults, {
    tenantId,
    actor,
    deviceType: type.id,
    mode: 'merge',
    defaults: values,
    ...more,
  });
const viewOfType = (type: DeviceTypeView) =>
  muster.bus.request(getTypeConfiguration, { tenantId, deviceType: type.name });
const change = (deviceId: string, desired: JsonObject, mode: 'merge' | 'replace' = 'merge') =>
  muster.bus.request(changeDesired, { tenantId, deviceId, actor, mode, desired }, { timeoutMs: 10_000 });
const changeMany = (deviceIds: string[], desired: JsonObject, operationId = newId()) =>
  muster.bus.request(changeDesiredMany, { tenantId, actor, operationId, deviceIds, mode: 'merge', desired });
const view = (deviceId: string) => muster.bus.request(getConfiguration, { tenantId, deviceId });
const values = async (deviceId: string) =>
  Object.fromEntries(Object.entries((await view(deviceId)).keys).map(([key, { desired }]) => [key, desired]));
const origins = async (deviceId: string) =>
  Object.fromEntries(Object.entries((await view(deviceId)).keys).map(([key, { origin }]) => [key, origin]));
const history = async (deviceId: string) =>
  (await muster.bus.request(listConfigurationHistory, { tenantId, deviceId, limit: 500 })).items;
const due = async (deviceId: string) =>
  (await muster.bus.request(dueDocuments, { devices: [{ tenantId, deviceId }], changed: true })).items.length;
const rejectedBy = async (deviceId: string) => {
  const { configId } = await view(deviceId);
  const base = { tenantId, deviceId, configId, interface: 'mqtt' as const };
  await muster.bus.request(recordDispatched, {
    dispatches: [{ ...base, subscriber: true, at: new Date().toISOString() }],
  });
  await muster.bus.request(reportApplied, { reports: [{ ...base, statusCode: 422, reasonPhrase: 'no' }] });
};
const code = (name: string): unknown => expect.objectContaining({ code: name });
/** Until the assertion holds. */
const holds = (assertion: () => unknown, options: EventuallyOptions) =>
  eventually(async () => {
    await assertion();
    return true;
  }, options);
const has = (deviceId: string, wanted: JsonObject) =>
  holds(async () => expect(await values(deviceId)).toEqual(wanted), {
    what: `the device has ${JSON.stringify(wanted)}`,
    deadlineMs: 10_000,
  });

const CHANNEL = {
  type: 'object',
  properties: { channel: { type: 'integer', minimum: 1, maximum: 13 }, ssid: { type: 'string' } },
  additionalProperties: false,
};

/** Until some statement of the service waits for a lock of one of these types. */
const waitsFor = (...lockTypes: string[]) =>
  eventually(
    async () => {
      const { rows } = await muster.sql.query<{ count: string }>(
        `SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
         WHERE NOT l.granted AND l.locktype = ANY ($1) AND a.datname = current_database()`,
        [lockTypes],
      );
      return Number(rows[0]?.count) > 0;
    },
    { what: `somebody waits for a lock: ${lockTypes.join(' or ')}` },
  );

describe('rules of a device type', () => {
  it('are read back with the limits in force, and change only what is named', async () => {
    const type = muster.type('a');
    expect(await viewOfType(type)).toEqual({
      deviceTypeId: type.id,
      version: 0,
      keys: {},
      undeclaredKeys: 'allowed',
      limits: { documentBytes: 32_768, valueBytes: 8_192, keys: 500 },
      defaults: {},
      appVersions: {},
    });
    await edit(type, { keys: { wifi: { schema: CHANNEL }, led: { schema: { type: 'boolean' } } } });
    const changed = await edit(type, {
      keys: { led: null },
      limits: { keys: 3 },
      undeclaredKeys: 'refused',
    });
    expect(changed).toMatchObject({ version: 2, keys: { wifi: { schema: CHANNEL } }, limits: { keys: 3 } });
    expect(await edit(type, { limits: { keys: null }, undeclaredKeys: null })).toEqual({
      ...changed,
      version: 3,
      undeclaredKeys: 'allowed',
      limits: { documentBytes: 32_768, valueBytes: 8_192, keys: 500 },
    });
    expect((await edit(type, { limits: null }, 1)).version).toBe(3);
    await expect(edit(type, { limits: { keys: 1 } }, 1)).rejects.toEqual(code('version-mismatch'));
  });

  it('refuse a desired value that does not fit, with the place inside the value', async () => {
    const type = muster.type('a');
    const [id, other] = [muster.device(type, 'a'), muster.device(type, 'a')];
    await change(id, { wifi: { channel: 'old' } });
    await edit(type, { keys: { wifi: { schema: CHANNEL } }, undeclaredKeys: 'refused', limits: { keys: 2 } });
    await expect(change(id, { wifi: { channel: 'x' } })).rejects.toMatchObject({
      code: 'invalid-configuration',
      detail: 'desired.wifi.channel must be integer',
      errors: [{ path: 'desired.wifi.channel', message: 'must be integer' }],
    });
    await expect(change(id, { led: true })).rejects.toMatchObject({
      errors: [{ path: 'desired.led', message: 'is not a key that the device type declares' }],
    });
    await change(id, { wifi: { channel: 6 } });
    expect(await values(id)).toEqual({ wifi: { channel: 6 } });
    expect((await changeMany([id, other], { wifi: { ssid: 1 } })).outcomes).toMatchObject([
      { deviceId: id, code: 'invalid-configuration', detail: 'desired.wifi.ssid must be string' },
      { deviceId: other, code: 'invalid-configuration' },
    ]);
  });

  it.each([
    ['an unknown type', { type: 'strnig' }, 'keys.k.schema.type'],
    ['a misspelt keyword', { type: 'integer', minimun: 1 }, 'keys.k.schema.minimun'],
    [
      'a misspelt keyword further in',
      { properties: { a: { maximun: 1 } } },
      'keys.k.schema.properties.a.maximun',
    ],
    ['a reference to elsewhere', { $ref: 'https://example.org/x' }, 'keys.k.schema.$ref'],
    ['another dialect', { $schema: 'http://json-schema.org/draft-07/schema#' }, 'keys.k.schema.$schema'],
    ['text', 'integer', 'keys.k.schema'],
  ])('are no schema with %s', async (_what, schema, path) => {
    await expect(edit(muster.type('a'), { keys: { k: { schema } } })).rejects.toMatchObject({
      code: 'invalid-configuration',
      errors: [{ path }],
    });
  });

  it('are refused where they cannot be meant', async () => {
    const type = muster.type('a');
    const refused = (wanted: unknown, error: string) =>
      expect(edit(type, wanted as EditTypeConfiguration['edit'])).rejects.toEqual(code(error));
    await refused({ keys: { 'a.b': { schema: true } } }, 'invalid-configuration');
    await refused({ keys: { a: true } }, 'invalid-configuration');
    await refused({ keys: { a: { schema: true, more: 1 } } }, 'invalid-configuration');
    await refused({ limits: { documentBytes: 40_000 } }, 'invalid-configuration');
    await refused({ limits: { keys: 0 } }, 'invalid-request');
    await refused({ undeclaredKeys: 'maybe' }, 'invalid-request');
    expect((await viewOfType(type)).version).toBe(0);
  });

  it('take null where it puts a default back, and nowhere else', async () => {
    const type = muster.type('a');
    expect((await edit(type, { undeclaredKeys: null, limits: null })).version).toBe(0);
    const nothing = { keys: null } as unknown as EditTypeConfiguration['edit'];
    await expect(edit(type, nothing)).rejects.toEqual(code('invalid-request'));
  });

  it('are refused at once where they are far too many', async () => {
    const keys = Object.fromEntries(
      Array.from({ length: 12_000 }, (_, n) => [`key-${n}`, { schema: { maximum: n } }]),
    );
    await expect(edit(muster.type('a'), { keys })).rejects.toEqual(code('configuration-too-large'));
  });

  it('keep nobody waiting while they are compiled', async () => {
    const type = muster.type('a');
    const keys = Object.fromEntries(
      Array.from({ length: 1_000 }, (_, n) => [`key-${n}`, { schema: { maximum: n } }]),
    );
    let done = false;
    const edited = muster.bus
      .request(
        editTypeConfiguration,
        { tenantId, actor, deviceType: type.name, edit: { keys } },
        { timeoutMs: 20_000 },
      )
      .finally(() => (done = true));
    for (let others = 0; others < 3; others += 1) {
      await viewOfType(muster.type('b'));
      expect(done).toBe(false);
    }
    expect((await edited).version).toBe(1);
  });

  it('end with the device type', async () => {
    const type = muster.type('a');
    await edit(type, { limits: { keys: 3 } });
    await muster.typeDeleted(type.id);
    await holds(
      () => expect(edit(type, { limits: { keys: 4 } })).rejects.toEqual(code('device-type-not-found')),
      {
        what: 'the rules have ended',
      },
    );
  });
});

describe('defaults', () => {
  it('must keep the rules, and rules must leave them right', async () => {
    const type = muster.type('a');
    await edit(type, { keys: { wifi: { schema: CHANNEL } } });
    await expect(defaults(type, { wifi: { channel: 99 } })).rejects.toMatchObject({
      code: 'invalid-configuration',
      errors: [{ path: 'defaults.wifi.channel', message: 'must be <= 13' }],
    });
    await defaults(type, { led: true }, { appVersion: 'a' });
    await expect(edit(type, { keys: { led: { schema: { type: 'string' } } } })).rejects.toMatchObject({
      errors: [{ path: 'appVersions.a.defaults.led', message: 'must be string' }],
    });
    await expect(defaults(type, { 'a.b': 1 })).rejects.toEqual(code('invalid-configuration'));
    await expect(defaults(type, { a: 'x'.repeat(9_000) })).rejects.toEqual(code('configuration-too-large'));
    await expect(defaults(type, {}, { appVersion: 'unheard-of' })).rejects.toEqual(
      code('app-version-not-found'),
    );
    await expect(defaults({ ...type, id: 'nobody' }, {})).rejects.toEqual(code('device-type-not-found'));
    await expect(defaults(type, { a: 1 }, { expectedVersion: 7 })).rejects.toEqual(code('version-mismatch'));
  });

  it('change with a job, and without one when they are the same again', async () => {
    const type = muster.type('a', 'b');
    const first = await defaults(type, { x: 1, y: { z: 1 } });
    expect(first).toEqual({ version: 1, jobId: expect.any(String) as unknown });
    expect(await defaults(type, { x: 1, y: { z: 1 } })).toEqual({ version: 1, jobId: null });
    expect(await defaults(type, { x: 1 }, { expectedVersion: 0 })).toEqual({ version: 1, jobId: null });
    await defaults(type, { y: { w: 2 } });
    await defaults(type, { x: 5 }, { appVersion: 'b' });
    expect(await viewOfType(type)).toMatchObject({
      version: 3,
      defaults: { x: 1, y: { z: 1, w: 2 } },
      appVersions: { b: { defaults: { x: 5 } } },
    });
    await defaults(type, { y: 7 }, { mode: 'replace' });
    await defaults(type, {}, { appVersion: 'b', mode: 'replace' });
    expect(await viewOfType(type)).toMatchObject({ defaults: { y: 7 }, appVersions: {} });
    await Promise.all([...muster.jobs.keys()].map((jobId) => muster.ended(jobId)));
  });

  it('come with a new device, and the own value wins until it is taken back', async () => {
    const type = muster.type('a', 'b');
    // A job that still runs could be the one that gives the new devices their values.
    await muster.ended((await defaults(type, { x: 1, y: 1 })).jobId);
    await muster.ended((await defaults(type, { y: 2 }, { appVersion: 'b' })).jobId);
    const [a, b] = [await muster.provisioned(type, 'a'), await muster.provisioned(type, 'b')];
    await has(a, { x: 1, y: 1 });
    await has(b, { x: 1, y: 2 });
    expect(await origins(b)).toEqual({ x: 'device-type', y: 'app-version' });
    await change(b, { y: 9 });
    expect(await origins(b)).toEqual({ x: 'device-type', y: 'device' });
    await change(b, { y: null });
    expect(await values(b)).toEqual({ x: 1, y: 2 });
    await change(b, { x: 1 });
    await change(b, { z: true }, 'replace');
    expect(await values(b)).toEqual({ x: 1, y: 2, z: true });
    const ofZ = (await history(b)).filter(({ key }) => key === 'z');
    expect(ofZ).toMatchObject([{ kind: 'desired', to: true, origin: 'device' }]);
    const told = await eventually(
      () => {
        const own = muster.changed.filter(({ entityId }) => entityId === b);
        if (own.at(-1)?.data.changes['z'] === undefined) throw new Error('not all is published');
        return own;
      },
      { what: 'the changes are published' },
    );
    // That x became the device's own value and was taken back is nobody else's business.
    expect(told.map(({ data }) => data.changes)).toEqual([
      { x: { to: 1 }, y: { to: 2 } },
      { y: { from: 2, to: 9 } },
      { y: { from: 9, to: 2 } },
      { z: { to: true } },
    ]);
    expect(told[0]?.data.source).toEqual({ kind: 'default', id: type.id });
  });

  it('that change reach each device once, and no device that has its own value', async () => {
    const type = muster.type('a', 'b');
    const [plain, own, other] = [
      muster.device(type, 'a'),
      muster.device(type, 'a'),
      muster.device(type, 'b'),
    ];
    await Promise.all([change(plain, { led: true }), change(own, { x: 9 }), change(other, { led: true })]);
    const both = await muster.ended((await defaults(type, { x: 1 })).jobId);
    expect(both).toMatchObject({ status: 'success', total: 3, done: 3, failed: 0, errors: [] });
    const versioned = await muster.ended((await defaults(type, { x: 2 }, { appVersion: 'a' })).jobId);
    expect(versioned).toMatchObject({ kind: 'configuration-defaults', total: 2 });
    expect(await Promise.all([plain, own, other].map(values))).toEqual([
      { led: true, x: 2 },
      { x: 9 },
      { led: true, x: 1 },
    ]);
    expect((await history(plain)).map(({ source }) => source)).toEqual([
      { kind: 'default', id: 'a' },
      { kind: 'default', id: type.id },
      actor,
    ]);
    expect(await history(own)).toHaveLength(1);
    await muster.ended((await defaults(type, { x: null }, { appVersion: 'a' })).jobId);
    expect(await values(plain)).toEqual({ led: true, x: 1 });
  });

  it('that do not fit into a document are in the errors of the job', async () => {
    const type = muster.type('a');
    const [full, empty] = [muster.device(type, 'a'), muster.device(type, 'a')];
    await change(full, Object.fromEntries([1, 2, 3, 4].map((n) => [`k${n}`, 'x'.repeat(8_000)])));
    await change(empty, { led: true });
    const job = await muster.ended((await defaults(type, { big: 'x'.repeat(4_000) })).jobId);
    expect(job).toMatchObject({ failed: 1, errors: [{ item: full, code: 'configuration-too-large' }] });
    expect(Object.keys(await values(empty))).toContain('big');
  });

  it('of another app version come with it, and a refused document is offered again', async () => {
    const type = muster.type('a', 'b');
    await defaults(type, { x: 1 }, { appVersion: 'a' });
    await defaults(type, { x: 2 }, { appVersion: 'b' });
    const id = await muster.provisioned(type, 'a');
    await has(id, { x: 1 });
    await muster.upgraded(id, 'b');
    await has(id, { x: 2 });

    await change(id, { x: 5 });
    await rejectedBy(id);
    expect([(await view(id)).syncState, await due(id)]).toEqual(['rejected', 0]);
    await muster.upgraded(id, 'a');
    await holds(async () => expect(await due(id)).toBe(1), { what: 'it is offered again' });
    expect((await history(id))[0]).toMatchObject({ kind: 'reoffered', source: { kind: 'default', id: 'a' } });
    await holds(() => expect(muster.reoffered).toContain(id), { what: 'the offer is published' });
  });

  it('of another app version are in the answer to who asks as it, as soon as the registry knows', async () => {
    const type = muster.type('a', 'b', 'c');
    await defaults(type, { x: 1 }, { appVersion: 'a' });
    await defaults(type, { x: 2 }, { appVersion: 'b' });
    const id = await muster.provisioned(type, 'a');
    await has(id, { x: 1 });
    const ask = (appVersion?: string, configId?: string) =>
      muster.bus.request(fetchDocument, {
        ...{ tenantId, deviceId: id, interface: 'mqtt' },
        ...(appVersion === undefined ? {} : { appVersion }),
        ...(configId === undefined ? {} : { configId }),
      });
    // The registry does not say so: it is answered, and nothing is put on record.
    const before = (await view(id)).version;
    const other = await ask('b');
    expect(other).toMatchObject({ unchanged: false, config: { x: 2 } });
    expect(await ask('b', other.configId)).toMatchObject({ unchanged: true, config: null });
    expect((await ask()).config).toEqual({ x: 1 });
    expect([(await view(id)).version, await values(id)]).toEqual([before, { x: 1 }]);
    // It does, and nobody was told yet.
    const known = muster.devices.get(id);
    if (known !== undefined) muster.devices.set(id, { ...known, appVersion: 'b', version: 2 });
    expect(await ask('b')).toMatchObject({ unchanged: false, config: { x: 2 } });
    expect(await view(id)).toMatchObject({ syncState: 'dispatched', keys: { x: { desired: 2 } } });
    expect(await due(id)).toBe(0);
    const [change] = (await history(id)).filter(({ kind }) => kind === 'desired');
    expect(change).toMatchObject({ source: { kind: 'default', id: 'b' } });
    // A version that has none.
    if (known !== undefined) muster.devices.set(id, { ...known, appVersion: 'c', version: 3 });
    expect(await ask('c')).toMatchObject({ unchanged: false, config: {} });
  });

  it('of another app version are due to who is reachable as it, and nothing is put on record', async () => {
    const type = muster.type('a', 'b');
    await defaults(type, { x: 1 }, { appVersion: 'a' });
    await defaults(type, { x: 2 }, { appVersion: 'b' });
    const id = await muster.provisioned(type, 'a');
    await has(id, { x: 1 });
    const dueAs = async (appVersion: string) => {
      const devices = [{ tenantId, deviceId: id, appVersion }];
      return (await muster.bus.request(dueDocuments, { devices })).items;
    };
    expect(await dueAs('a')).toMatchObject([{ config: { x: 1 } }]);
    const [other] = await dueAs('b');
    expect(other).toMatchObject({ appVersion: 'b', config: { x: 2 } });
    expect((await dueAs('a'))[0]).not.toHaveProperty('appVersion');
    // What it has applied as that version is not due to it as that version.
    const report = { tenantId, deviceId: id, interface: 'mqtt' as const, statusCode: 200 };
    await muster.bus.request(reportApplied, { reports: [{ ...report, configId: other?.configId ?? '' }] });
    expect(await dueAs('b')).toEqual([]);
    expect(await dueAs('a')).toHaveLength(1);
  });

  it('are in force in the moment in which their version is on record', async () => {
    const type = muster.type('a', 'b');
    await defaults(type, { x: 1 }, { appVersion: 'a' });
    await defaults(type, { x: 2 }, { appVersion: 'b' });
    const id = await muster.provisioned(type, 'a');
    await has(id, { x: 1 });
    const blocking = await muster.connect();
    try {
      await blocking.query('BEGIN');
      await blocking.query('SELECT FROM configuration.streams WHERE stream = $1 FOR UPDATE', [
        `configuration-${id}`,
      ]);
      await muster.upgraded(id, 'b');
      await waitsFor('transactionid', 'tuple');
      const devices = [{ tenantId, deviceId: id, appVersion: 'b' }];
      const asB = await muster.bus.request(dueDocuments, { devices });
      expect(asB.items).toMatchObject([{ config: { x: 2 } }]);
      await blocking.query('COMMIT');
    } finally {
      await blocking.end();
    }
    await has(id, { x: 2 });
  });

  it('reach devices whose kind was not known, by asking for them', async () => {
    const type = muster.type('a');
    const [old, foreign] = [muster.device(type, 'a'), muster.device(muster.type('c'), 'c')];
    await muster.sql.query(
      `INSERT INTO configuration.known_devices (tenant_id, device_id, deleted) VALUES ($1, $2, false), ($1, $3, false)`,
      [tenantId, old, foreign],
    );
    expect(await muster.ended((await defaults(type, { x: 1 })).jobId)).toMatchObject({ total: 1, failed: 0 });
    expect([await values(old), await values(foreign)]).toEqual([{ x: 1 }, {}]);
  });
});

describe('a change of defaults beside other changes', () => {
  it('waits for those who decide with the defaults from before', async () => {
    const type = muster.type('a');
    const deciding = await muster.connect();
    let changed = false;
    try {
      await deciding.query('BEGIN');
      // What `holdDefaults` does in a transaction of the service.
      await deciding.query(
        `SELECT pg_advisory_xact_lock_shared(hashtextextended('configuration defaults of ' || $1, 0))`,
        [tenantId],
      );
      const change = defaults(type, { x: 1 }).then(() => (changed = true));
      await waitsFor('advisory');
      expect(changed).toBe(false);
      await deciding.query('COMMIT');
      await change;
    } finally {
      await deciding.end();
    }
  });

  it('lets no change in whose caller has given up meanwhile', async () => {
    const id = muster.device(muster.type('a'), 'a');
    await change(id, { n: 0 });
    const changing = await muster.connect();
    try {
      await changing.query('BEGIN');
      // What `changeDefaultsAlone` does.
      await changing.query(
        `SELECT pg_advisory_xact_lock(hashtextextended('configuration defaults of ' || $1, 0))`,
        [tenantId],
      );
      const request = { tenantId, deviceId: id, actor, mode: 'merge', desired: { n: 1 } } as const;
      await expect(muster.bus.request(changeDesired, request, { timeoutMs: 300 })).rejects.toEqual(
        code('deadline-exceeded'),
      );
      await changing.query('COMMIT');
    } finally {
      await changing.end();
    }
    for (const m of [1, 2, 3]) await change(id, { m });
    expect(await values(id)).toEqual({ n: 0, m: 3 });
  });

  it('keeps nobody of another tenant waiting', async () => {
    const id = muster.device(muster.type('a'), 'a');
    const changing = await muster.connect();
    try {
      await changing.query('BEGIN');
      await changing.query(
        `SELECT pg_advisory_xact_lock(hashtextextended('configuration defaults of ' || $1, 0))`,
        ['other'],
      );
      const request = { tenantId: 'other', deviceId: id, actor, mode: 'merge', desired: { n: 1 } } as const;
      const waiting = Promise.allSettled(
        Array.from({ length: 16 }, () => muster.bus.request(changeDesired, request, { timeoutMs: 10_000 })),
      );
      await change(id, { n: 2 });
      await changing.query('COMMIT');
      expect((await waiting).map(({ status }) => status)).toEqual(Array(16).fill('fulfilled'));
    } finally {
      await changing.end();
    }
    expect(await values(id)).toEqual({ n: 2 });
  });

  it('is seen by whoever decides after it', async () => {
    const type = muster.type('a');
    const id = muster.device(type, 'a');
    await muster.ended((await defaults(type, { x: 1 })).jobId);
    await change(id, { x: 9 });
    const blocking = await muster.connect();
    try {
      await blocking.query('BEGIN');
      await blocking.query(`SELECT FROM configuration.streams WHERE stream = $1 FOR UPDATE`, [
        `type-configuration-${type.id}`,
      ]);
      const newDefaults = defaults(type, { x: 2 });
      await eventually(
        async () => {
          const { rows } = await muster.sql.query<{ count: string }>(
            `SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
             WHERE NOT l.granted AND l.locktype = 'transactionid' AND a.datname = current_database()`,
          );
          return Number(rows[0]?.count) > 0;
        },
        { what: 'the change of the defaults is under way' },
      );
      // Read before its commit, the default would be 1: and the job may have passed the device by then.
      const takenBack = change(id, { x: null });
      await waitsFor('advisory');
      await blocking.query('COMMIT');
      await newDefaults;
      await takenBack;
    } finally {
      await blocking.end();
    }
    expect((await history(id))[0]).toMatchObject({ key: 'x', from: 9, to: 2, origin: 'device-type' });
  });

  it('leaves every device with what the rule says, changed once by each job at most', async () => {
    const type = muster.type('a', 'b');
    const count = 3_000;
    const ids = Array.from({ length: count }, newId).sort();
    const versionOf = (index: number) => (index % 3 === 0 ? 'b' : 'a');
    await muster.sql.query(
      `INSERT INTO configuration.known_devices (tenant_id, device_id, deleted, device_type_id, app_version, version, interface)
       SELECT $1, d, false, $2, CASE WHEN (nth - 1) % 3 = 0 THEN 'b' ELSE 'a' END, 1, 'mqtt'
       FROM unnest($3::text[]) WITH ORDINALITY AS n (d, nth)`,
      [tenantId, type.id, ids],
    );
    const first = await defaults(type, { x: 1, y: 1 });
    const own = new Map<number, JsonObject>();
    const patches = Array.from({ length: 8 }, async (_, caller) => {
      for (let n = 0; n < 40; n += 1) {
        const index = (caller * 7 + n * 67) % count;
        const patch: JsonObject = n % 4 === 3 ? { x: null } : { x: 100 + n };
        own.set(index, patch['x'] === null ? {} : patch);
        await change(ids[index] ?? '', patch);
      }
    });
    const second = await defaults(type, { x: 2 });
    const third = await defaults(type, { y: 3 }, { appVersion: 'b' });
    await Promise.all(patches);
    for (const { jobId } of [first, second, third])
      expect(await muster.ended(jobId)).toMatchObject({ failed: 0 });

    const { rows } = await muster.sql.query<{
      stream: string;
      state: { desired: Record<string, { value: number }> };
    }>(`SELECT stream, state FROM configuration.streams WHERE stream = ANY($1)`, [
      ids.map((id) => `configuration-${id}`),
    ]);
    const stored = new Map(
      rows.map(({ stream, state }) => [stream.slice('configuration-'.length), state.desired]),
    );
    ids.forEach((id, index) => {
      const wanted = { x: 2, y: versionOf(index) === 'b' ? 3 : 1, ...own.get(index) };
      const got = Object.entries(stored.get(id) ?? {}).map(([key, { value }]) => [key, value]);
      expect({ index, ...Object.fromEntries(got) }).toEqual({ index, ...wanted });
    });
    const { rows: most } = await muster.sql.query<{ most: string }>(
      `SELECT max(n) AS most FROM (
         SELECT count(*) AS n FROM configuration.events
         WHERE stream = ANY($1) AND data #>> '{source,kind}' = 'default' GROUP BY stream) AS per_device`,
      [ids.map((id) => `configuration-${id}`)],
    );
    expect(Number(most[0]?.most)).toBeLessThanOrEqual(3);
  }, 60_000);
});

describe('changeDesiredMany', () => {
  it('answers each device for itself, and the same operation again with what it answered first', async () => {
    const type = muster.type('a');
    const [a, b] = [muster.device(type, 'a'), muster.device(type, 'a')];
    await change(b, { x: 1 });
    const operationId = newId();
    const first = await changeMany([a, newId(), b], { x: 1 }, operationId);
    expect(first.outcomes).toMatchObject([
      { deviceId: a, changed: true, version: 1 },
      { code: 'device-not-found' },
      { deviceId: b, changed: false, version: 1 },
    ]);
    await change(a, { x: 2 });
    expect(await changeMany([a, first.outcomes[1]?.deviceId ?? '', b], { x: 1 }, operationId)).toEqual(first);
    expect(await values(a)).toEqual({ x: 2 });
    await expect(changeMany([a], { x: 1 }, operationId)).rejects.toEqual(code('idempotency-key-reused'));
    expect((await changeMany([a], { x: 1 })).outcomes).toMatchObject([{ changed: true, version: 3 }]);
  });
});

describe('changes at the same time', () => {
  it('of one device are all there, each with its own answer', async () => {
    const id = muster.device(muster.type('a'), 'a');
    const outcomes = await Promise.allSettled([
      ...Array.from({ length: 30 }, (_, n) => change(id, { [`k${n}`]: n })),
      change(id, { 'bad.key': 1 }),
      change(newId(), { a: 1 }),
    ]);
    expect(outcomes.slice(0, 30).every(({ status }) => status === 'fulfilled')).toBe(true);
    expect(outcomes.slice(30)).toEqual([
      { status: 'rejected', reason: code('invalid-configuration') },
      { status: 'rejected', reason: code('device-not-found') },
    ]);
    expect(Object.keys(await values(id))).toHaveLength(30);
    expect((await view(id)).version).toBe(30);
  });
});

describe('reofferConfiguration', () => {
  it('makes a refused document due, once, and is published', async () => {
    const id = muster.device(muster.type('a'), 'a');
    const reoffer = () =>
      muster.bus.request(reofferConfiguration, { tenantId, deviceId: id, actor, reason: 'repaired' });
    expect(await reoffer()).toMatchObject({ syncState: 'none' });
    await change(id, { x: 1 });
    await rejectedBy(id);
    expect(await reoffer()).toMatchObject({ version: 1, syncState: 'pending' });
    expect(await reoffer()).toMatchObject({ version: 1, syncState: 'pending' });
    expect(await due(id)).toBe(1);
    expect((await history(id)).filter(({ kind }) => kind === 'reoffered')).toMatchObject([
      { reason: 'repaired', source: actor },
    ]);
    await holds(() => expect(muster.reoffered.filter((one) => one === id)).toHaveLength(1), {
      what: 'the offer is published',
    });
  });

  it('does not find a device that is none', async () => {
    const request = { tenantId, deviceId: newId(), actor };
    await expect(muster.bus.request(reofferConfiguration, request)).rejects.toEqual(code('device-not-found'));
  });
});
