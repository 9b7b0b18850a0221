import { listRegistryActs } from '@muster/contracts/audit/requests';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId, type JsonObject } from '@muster/contracts';
import { getDevice, listDevices } from '@muster/contracts/device-registry/devices.requests';
import {
  addImportRows,
  beginImport,
  deleteImport,
  dropImport,
  getImport,
  listImportedRows,
  listImports,
  startImport,
  type ImportedRow,
  type ImportView,
} from '@muster/contracts/device-registry/imports.requests';
import { retryDeviceRegistryJob } from '@muster/contracts/jobs/owner.requests';
import { listTokens } from '@muster/contracts/device-registry/tokens.requests';
import { createEventStore, type EventStore } from '@muster/event-store';
import { job } from '@muster/jobs';
import { eventually } from '@muster/testing';
import { device } from '../device/device.decider.js';
import {
  actor,
  base,
  code,
  startRegistry,
  tenantId,
  unique,
  type RunningRegistry,
} from '../running-registry.fixture.js';

let registry: RunningRegistry;
let store: EventStore;
let type: string;

beforeAll(async () => {
  registry = await startRegistry();
  store = createEventStore(registry.database);
  type = (await registry.createType()).name;
}, 60_000);

afterAll(() => registry.stop());

const begin = async (rows: readonly JsonObject[]): Promise<string> => {
  const { importId } = await registry.bus.request(beginImport, { tenantId });
  for (let at = 0; at < rows.length; at += 500) {
    const some = rows.slice(at, at + 500).map((row, nth) => ({ line: at + nth + 2, row }));
    await registry.bus.request(addImportRows, { tenantId, importId, rows: some });
  }
  return importId;
};
const start = (importId: string, more: { dryRun?: boolean; idempotencyKey?: string; sha256?: string } = {}) =>
  registry.bus.request(startImport, { ...base, importId, sha256: '0'.repeat(64), dryRun: false, ...more });
const viewOf = (importId: string): Promise<ImportView> =>
  registry.bus.request(getImport, { tenantId, importId });
const ended = async (jobId: string) =>
  eventually(
    async () => {
      const { standing } = (await store.load(job, tenantId, jobId)).state;
      if (standing?.endedAt === undefined) throw new Error(`the job is ${standing?.status ?? 'not there'}`);
      return standing;
    },
    { deadlineMs: 30_000, what: 'the import has ended' },
  );
const rowsOf = async (importId: string): Promise<readonly ImportedRow[]> => {
  const rows: ImportedRow[] = [];
  for (let page = {}; ;) {
    const { items, nextCursor } = await registry.bus.request(listImportedRows, {
      ...{ tenantId, importId, limit: 500 },
      ...page,
    });
    rows.push(...items);
    if (nextCursor === null) return rows;
    page = { cursor: nextCursor };
  }
};
const imported = async (rows: readonly JsonObject[], more: { dryRun?: boolean } = {}) => {
  const importId = await begin(rows);
  const { jobId } = await start(importId, more);
  await ended(jobId);
  const [done, view] = [await rowsOf(importId), await viewOf(importId)];
  expect(view).toMatchObject(recounted(done));
  return { importId, rows: done, view };
};
const recounted = (rows: readonly ImportedRow[]) => {
  const counted = { rows: rows.length, waiting: 0, created: 0, updated: 0, unchanged: 0, failed: 0 };
  for (const { outcome } of rows) counted[outcome] += 1;
  return counted;
};
const outcomes = (rows: readonly ImportedRow[]) => rows.map(({ outcome, code: why }) => why ?? outcome);
const named = async (name: string) => {
  const { items } = await registry.bus.request(listDevices, { tenantId, filter: `name=="${name}"` });
  return items[0];
};

describe('an import', () => {
  it('creates devices with all that a row says, and tells their tokens until they are used', async () => {
    const [name, serialNumber, token] = [unique('device'), unique('SN'), unique('token')];
    const position = { latitude: 48.8, longitude: 2.3, altitude: 35 };
    const all = { folder: '/paris/north', tags: ['roof'], metadata: { floor: 3 }, serialNumber, position };
    const { rows, view } = await imported([
      { name, deviceType: type, appVersion: `${type}-v1`, interface: 'mqtt', token, ...all },
      { name: `${name}-2`, deviceType: type },
    ]);
    expect(outcomes(rows)).toEqual(['created', 'created']);
    expect(view).toMatchObject({ rows: 2, created: 2, waiting: 0, failed: 0, dryRun: false });
    const made = await registry.bus.request(getDevice, { tenantId, deviceId: rows[0]?.deviceId ?? '' });
    expect(made).toMatchObject({ name, deviceType: type, ...all });
    expect(rows[0]).not.toHaveProperty('token');
    expect((await registry.accessOf(made.id)).map((entry) => entry.token)).toEqual([token]);
    const [generated] = await registry.accessOf(rows[1]?.deviceId ?? '');
    expect(rows[1]?.token).toBe(generated?.token);
    const [event] = await store.readStream(tenantId, device, made.id, {});
    expect(event?.metadata.actor).toEqual(actor);
    expect(await registry.tablesWith(token)).toEqual(['endpoint_tokens']);
  });

  it('changes what a row mentions and nothing else, by name, by serial number and by id', async () => {
    const serialNumber = unique('SN');
    const given = { folder: '/a', tags: ['x'], metadata: { floor: 1, room: 'r' }, serialNumber };
    const made = await registry.provision({ deviceType: type, ...given });
    const { rows } = await imported([
      { name: made.name, metadata: { floor: 2 } },
      { serialNumber, name: `${made.name}-new` },
      { id: made.id, tags: ['y'], metadata: { room: null } },
      { id: made.id, name: `${made.name}-new`, deviceType: type, tags: ['y'] },
    ]);
    expect(outcomes(rows)).toEqual(['updated', 'updated', 'updated', 'unchanged']);
    const after = await registry.bus.request(getDevice, { tenantId, deviceId: made.id });
    const { name, folder, tags, metadata } = after;
    expect({ name, folder, tags, metadata, serialNumber: after.serialNumber }).toEqual({
      ...given,
      name: `${made.name}-new`,
      tags: ['y'],
      metadata: { floor: 2 },
    });
  });

  it('puts devices behind others by id and by name, also of rows before, and takes them away', async () => {
    const gateway = await registry.provision({ deviceType: type });
    const [hub, leaf, far] = [unique('hub'), unique('leaf'), unique('far')];
    const rows: JsonObject[] = [
      { name: hub, deviceType: type, parentId: gateway.id },
      { name: leaf, deviceType: type, parent: hub },
      { name: far, deviceType: type, parent: leaf },
      { id: gateway.id, parent: far },
      { name: unique('d'), deviceType: type, parent: unique('nobody') },
      { name: unique('d'), deviceType: type, parentId: 'nobody' },
      { name: unique('d'), deviceType: type, parentId: gateway.id, parent: hub },
    ];
    const dry = await imported(rows, { dryRun: true });
    const expected = [
      ...['created', 'created', 'created', 'parent-in-circle'],
      ...['parent-not-found', 'parent-not-found', 'invalid-request'],
    ];
    expect(outcomes(dry.rows)).toEqual(expected);
    expect(outcomes((await imported(rows)).rows)).toEqual(expected);
    expect((await named(hub))?.parentId).toBe(gateway.id);
    expect((await named(far))?.parentId).toBe((await named(leaf))?.id);
    expect(outcomes((await imported(rows.slice(0, 3))).rows)).toEqual([
      'unchanged',
      'unchanged',
      'unchanged',
    ]);
    expect(outcomes((await imported([{ name: leaf, tags: ['x'] }])).rows)).toEqual(['updated']);
    expect((await named(leaf))?.parentId).toBe((await named(hub))?.id);
    expect(outcomes((await imported([{ name: leaf, parentId: null }])).rows)).toEqual(['updated']);
    expect(await named(leaf)).not.toHaveProperty('parentId');
    const deep = Array.from({ length: 17 }, (_, nth) => `${far}-${nth}`);
    const chain = deep.map((name, nth) => ({
      name,
      deviceType: type,
      ...(nth === 0 ? {} : { parent: deep[nth - 1] ?? '' }),
    }));
    expect(outcomes((await imported(chain)).rows).slice(14)).toEqual([
      'created',
      'created',
      'parent-in-circle',
    ]);
  });

  it('changes the interface of a device that a row mentions it of', async () => {
    const { name } = await registry.provision({ deviceType: type });
    expect(outcomes((await imported([{ name, interface: 'http' }])).rows)).toEqual(['updated']);
    expect((await named(name))?.interface).toBe('http');
  });

  it('run a second time changes nothing', async () => {
    const name = unique('device');
    const rows: JsonObject[] = [
      { name, deviceType: type, serialNumber: unique('SN'), tags: ['a', 'b'], token: unique('token') },
      { name: `${name}-2`, deviceType: type, metadata: { a: { b: [1] } } },
    ];
    await imported(rows);
    const before = await named(name);
    expect(outcomes((await imported(rows)).rows)).toEqual(['unchanged', 'unchanged']);
    expect(await named(name)).toEqual(before);
    const tokens = await registry.bus.request(listTokens, { tenantId, deviceId: before?.id ?? '' });
    expect(tokens.items).toHaveLength(1);
  });

  it('tells of each row that cannot be done, and does the others', async () => {
    const taken = await registry.provision({
      deviceType: type,
      serialNumber: unique('SN'),
      token: unique('tok'),
    });
    const other = await registry.createType();
    const fresh = () => ({ name: unique('device'), deviceType: type });
    const { rows, view } = await imported([
      { deviceType: type },
      { name: unique('device') },
      { ...fresh(), deviceType: 'nobody' },
      { ...fresh(), appVersion: `${other.name}-v1` },
      { ...fresh(), tags: ['not a tag'] },
      { ...fresh(), position: { latitude: 99, longitude: 0 } },
      { ...fresh(), token: taken.token },
      { ...fresh(), token: 'short' },
      { ...fresh(), colour: 'red' },
      { ...fresh(), metadata: { 'a b': 1 } },
      { name: taken.name, deviceType: other.name },
      { name: taken.name, appVersion: `${other.name}-v1` },
      { ...fresh(), serialNumber: taken.serialNumber ?? '', id: 'nobody' },
      fresh(),
    ]);
    expect(outcomes(rows)).toEqual([
      'invalid-request',
      'invalid-request',
      'device-type-not-found',
      'app-version-not-found',
      'invalid-request',
      'invalid-request',
      'token-taken',
      'invalid-request',
      'invalid-request',
      'invalid-request',
      'invalid-request',
      'app-version-not-found',
      'updated', // by its serial number: it has another name now
      'created',
    ]);
    expect(view).toMatchObject({ rows: 14, created: 1, updated: 1, failed: 12 });
    expect(rows[5]?.detail).toContain('position.latitude');
  });

  it('takes rows in their order: a device that one has made is there for the next', async () => {
    const [name, serialNumber] = [unique('device'), unique('SN')];
    const { rows } = await imported([
      { name, deviceType: type, serialNumber },
      { name, folder: '/later' },
      { name: unique('other'), deviceType: type, serialNumber: unique('SN') },
      { serialNumber, tags: ['last'] },
    ]);
    expect(outcomes(rows)).toEqual(['created', 'updated', 'created', 'updated']);
    expect(await named(name)).toMatchObject({ folder: '/later', tags: ['last'] });
  });

  it('only says what it would do in a dry run', async () => {
    const made = await registry.provision({ deviceType: type });
    const name = unique('device');
    const { rows, view } = await imported(
      [
        { name, deviceType: type },
        { name, tags: ['a'] },
        { name: made.name, tags: ['b'] },
        { name: made.name },
        { name: unique('x') },
      ],
      { dryRun: true },
    );
    expect(outcomes(rows)).toEqual(['created', 'updated', 'updated', 'unchanged', 'invalid-request']);
    expect(view).toMatchObject({ dryRun: true, created: 1, updated: 2, unchanged: 1, failed: 1 });
    expect(rows[0]).not.toHaveProperty('deviceId');
    expect(await named(name)).toBeUndefined();
    expect(await named(made.name)).toMatchObject({ tags: [], version: made.version });
  });

  it('of many rows is done in chunks, and those that failed can be tried again', async () => {
    const prefix = unique('many');
    const missing = unique('type');
    const rows = Array.from({ length: 1_201 }, (_, n) => ({
      name: `${prefix}-${n}`,
      deviceType: n % 400 === 0 ? missing : type,
    }));
    const { importId, view } = await imported(rows);
    expect(view).toMatchObject({ rows: 1_201, created: 1_197, failed: 4 });
    await registry.createType({ name: missing });
    const { jobId } = await registry.bus.request(retryDeviceRegistryJob, { ...base, jobId: importId });
    await ended(jobId);
    expect(await viewOf(importId)).toMatchObject({ created: 1_201, failed: 0 });
  }, 60_000);

  it('is the first one again for the same idempotency key, and does nothing before it is started', async () => {
    const name = unique('device');
    const [first, second] = [
      await begin([{ name, deviceType: type }]),
      await begin([{ name, deviceType: type }]),
    ];
    const more = { idempotencyKey: newId() };
    expect(await start(first, more)).toEqual({ jobId: first });
    expect(await start(second, more)).toEqual({ jobId: first });
    expect(await code(start(second, { ...more, sha256: '1'.repeat(64) }))).toBe('idempotency-key-reused');
    await registry.bus.request(dropImport, { tenantId, importId: second });
    await registry.bus.request(dropImport, { tenantId, importId: first });
    await ended(first);
    expect(await viewOf(first)).toMatchObject({ created: 1 });
    expect(await code(viewOf(second))).toBe('import-not-found');
    expect(await code(start(second))).toBe('import-not-found');
    expect(await code(start(await begin([])))).toBe('invalid-request');
    const late = registry.bus.request(addImportRows, {
      tenantId,
      importId: first,
      rows: [{ line: 9, row: {} }],
    });
    expect(await code(late)).toBe('import-not-found');
  });

  it('is listed once it is started, newest first, page by page, with where its job stands', async () => {
    const other = { ...base, tenantId: unique('tenant') };
    const begun: string[] = [];
    for (let nth = 0; nth < 3; nth += 1) {
      const { importId } = await registry.bus.request(beginImport, { tenantId: other.tenantId });
      const rows = [{ line: 2, row: { name: unique('device') } }];
      await registry.bus.request(addImportRows, { tenantId: other.tenantId, importId, rows });
      begun.push(importId);
    }
    const [first = '', second = '', third = ''] = begun;
    const list = (more: { limit?: number; cursor?: string }) =>
      registry.bus.request(listImports, { tenantId: other.tenantId, count: true, ...more });
    expect(await list({})).toEqual({ items: [], nextCursor: null, total: 0 });
    for (const importId of [second, first]) {
      await registry.bus.request(startImport, {
        ...other,
        importId,
        sha256: '0'.repeat(64),
        dryRun: importId === first,
      });
    }
    const standing = async (importId: string) =>
      (await store.load(job, other.tenantId, importId)).state.standing?.endedAt;
    for (const importId of [first, second])
      await eventually(() => standing(importId), { deadlineMs: 30_000, what: 'the import has ended' });
    const newest = await list({ limit: 1 });
    expect(newest).toMatchObject({
      items: [
        { id: second, dryRun: false, status: 'failed', total: 1, done: 1, failed: 1, createdBy: actor },
      ],
      total: 2,
    });
    expect(newest.items[0]?.endedAt).toBe(await standing(second));
    const rest = await list({ limit: 1, cursor: newest.nextCursor ?? '' });
    expect(rest).toMatchObject({ items: [{ id: first, dryRun: true }], nextCursor: null });
    expect(await code(list({ cursor: 'of another list' }))).toBe('invalid-request');
    // Its job is forgotten; those before it are still to be found.
    await eventually(() => store.erase(job, other.tenantId, second));
    const without = await list({ limit: 1 });
    expect(without).toEqual({ items: [], nextCursor: newest.nextCursor, total: 2 });
    const remove = registry.bus.request(deleteImport, { tenantId: other.tenantId, importId: third, actor });
    expect(await code(remove)).toBe('import-not-found');
  });

  it('is deleted with its rows when nothing works on it any more, and its devices stay', async () => {
    const name = unique('device');
    const late = unique('type');
    const { importId } = await imported([
      { name, deviceType: type },
      { name: `${name}-2`, deviceType: late },
    ]);
    const remove = (id: string) => registry.bus.request(deleteImport, { tenantId, importId: id, actor });
    // A retry waits for its turn behind what somebody holds, as an import does while it runs.
    await registry.createType({ name: late });
    await registry.database.transaction(async (tx) => {
      await tx.query('SELECT FROM import_rows WHERE tenant_id = $1 AND import_id = $2 FOR UPDATE', [
        tenantId,
        importId,
      ]);
      const { jobId } = await registry.bus.request(retryDeviceRegistryJob, { ...base, jobId: importId });
      expect(await code(remove(importId))).toBe('import-not-finished');
      expect((await store.load(job, tenantId, jobId)).state.standing?.endedAt).toBeUndefined();
    });
    await eventually(async () => (await viewOf(importId)).created === 2, {
      deadlineMs: 30_000,
      what: 'the retry is through',
    });
    expect(await viewOf(importId)).toMatchObject(recounted(await rowsOf(importId)));
    await eventually(() => remove(importId), { deadlineMs: 30_000, what: 'it may be deleted' });
    expect(await code(viewOf(importId))).toBe('import-not-found');
    expect(await code(remove(importId))).toBe('import-not-found');
    const { rows } = await registry.database.query('SELECT FROM import_rows WHERE import_id = $1', [
      importId,
    ]);
    expect(rows).toEqual([]);
    expect(await named(name)).toBeDefined();
    const acts = await registry.bus.request(listRegistryActs, { tenantId, limit: 1 });
    expect(acts.items).toMatchObject([
      { action: 'ImportDeleted', resource: { kind: 'import', id: importId }, actor },
    ]);
  });

  it('of an HTTP device is let in by nothing until a secret is issued', async () => {
    const { rows } = await imported([{ name: unique('device'), deviceType: type, interface: 'http' }]);
    expect(outcomes(rows)).toEqual(['created']);
    expect(await registry.accessOf(rows[0]?.deviceId ?? '')).toMatchObject([
      { interface: 'http', credentialKinds: [], secretHashes: [] },
    ]);
  });
});
