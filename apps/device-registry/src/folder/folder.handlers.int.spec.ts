import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startDeviceBulk } from '@muster/contracts/device-registry/bulk.requests';
import {
  getCertificateAuthority,
  registerCertificateAuthority,
} from '@muster/contracts/device-registry/certificate-authorities.requests';
import {
  enrolDevice,
  getClaimKey,
  issueClaimKey,
} from '@muster/contracts/device-registry/claim-keys.requests';
import { deleteDevice, editDevice, getDevice } from '@muster/contracts/device-registry/devices.requests';
import { selectDevices } from '@muster/contracts/device-registry/selection.requests';
import {
  createFolder,
  deleteFolder,
  editFolder,
  getFolder,
  listFolders,
  type FolderEdit,
  type FolderView,
} from '@muster/contracts/device-registry/folders.requests';
import { createGroup, getGroup } from '@muster/contracts/device-registry/groups.requests';
import { cancelDeviceRegistryJob } from '@muster/contracts/jobs/owner.requests';
import { createEventStore, rebuildProjections, type EventStore } from '@muster/event-store';
import { MAX_FILTER_LENGTH } from '@muster/filter';
import { job } from '@muster/jobs';
import { eventually } from '@muster/testing';
import { aggregates } from '../app.module.js';
import { make } from '../authentication/certificates.fixture.js';
import { claimKey as claimKeyStream } from '../claim-key/claim-key.decider.js';
import { device } from '../device/device.decider.js';
import {
  base,
  code,
  problem,
  startRegistry,
  tenantId,
  unique,
  type RunningRegistry,
} from '../running-registry.fixture.js';
import { folderList } from './folder-list.projection.js';

let registry: RunningRegistry;
let store: EventStore;
let deviceType: string;

beforeAll(async () => {
  registry = await startRegistry();
  store = createEventStore(registry.database);
  deviceType = (await registry.createType()).id;
}, 60_000);

afterAll(() => registry.stop());

const top = (): string => `/${unique('f')}`;
const create = (path: string): Promise<FolderView> =>
  registry.bus.request(createFolder, { ...base, folder: { path } });
const get = (folder: string, count?: boolean): Promise<FolderView> =>
  registry.bus.request(getFolder, { tenantId, folder, ...(count === undefined ? {} : { count }) });
const edit = (folder: string, edited: FolderEdit): Promise<FolderView> =>
  registry.bus.request(editFolder, { ...base, folder, edit: edited });
const remove = (folder: string) => registry.bus.request(deleteFolder, { ...base, folder });
const inFolder = (folder: string) => registry.provision({ deviceType, folder });
const folderOf = async (deviceId: string): Promise<string> =>
  (await registry.bus.request(getDevice, { tenantId, deviceId })).folder;
const paths = async (parent?: string, limit?: number): Promise<string[]> => {
  const found: string[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await registry.bus.request(listFolders, {
      tenantId,
      ...(parent === undefined ? {} : { parent }),
      ...(limit === undefined ? {} : { limit }),
      ...(cursor === undefined ? {} : { cursor }),
    });
    found.push(...page.items.map(({ path }) => path));
    if (page.nextCursor === null) return found;
    cursor = page.nextCursor;
  }
};
const ended = (jobId = '') =>
  eventually(
    async () => {
      const { standing } = (await store.load(job, tenantId, jobId)).state;
      if (standing?.endedAt === undefined) throw new Error(`the job is ${standing?.status ?? 'not there'}`);
      return standing;
    },
    { deadlineMs: 30_000, what: 'the job has ended' },
  );

describe('a folder', () => {
  it('is made with those above it, read by id and path, and listed page by page', async () => {
    const root = top();
    const made = await create(`${root}/b/c`);
    expect(made).toMatchObject({ name: 'c', path: `${root}/b/c`, folders: 0, version: 1 });
    const parent = await get(`${root}/b`);
    expect(parent).toMatchObject({ folders: 1, id: made.parentId });
    expect(await get(made.id)).toEqual(made);
    await create(`${root}/a`);
    await create(`${root}/b/d`);
    expect(await paths(root, 1)).toEqual([`${root}/a`, `${root}/b`]);
    expect(await paths(parent.id)).toEqual([`${root}/b/c`, `${root}/b/d`]);
    expect(await paths('/')).toContain(root);
    expect(await paths('/')).not.toContain(`${root}/a`);
    const all = await registry.bus.request(listFolders, { tenantId, parent: root, count: true });
    expect(all.total).toBe(2);
    expect(await code(create(root))).toBe('folder-exists');
    expect(await code(create('/'))).toBe('invalid-request');
    expect(await code(get(`${root}/nobody`))).toBe('folder-not-found');
    expect(await code(paths(`${root}/nobody`))).toBe('folder-not-found');
  });

  it('is made once by many devices that are put into it at the same time', async () => {
    const root = top();
    const made = await Promise.all(Array.from({ length: 8 }, (_, nth) => inFolder(`${root}/x${nth % 2}`)));
    expect(await paths(root)).toEqual([`${root}/x0`, `${root}/x1`]);
    expect((await get(root, true)).count).toBe(8);
    expect((await get(`${root}/x1`, true)).count).toBe(4);
    await registry.bus.request(editDevice, {
      ...base,
      deviceId: made[0]?.id ?? '',
      edit: { folder: `${root}/y` },
    });
    const target = { deviceIds: [made[1]?.id ?? ''] };
    const { jobId } = await registry.bus.request(startDeviceBulk, {
      ...base,
      bulk: { target, folder: `${root}/z` },
    });
    await ended(jobId);
    expect(await paths(root)).toEqual(['x0', 'x1', 'y', 'z'].map((name) => `${root}/${name}`));
  });
});

describe('a folder that is renamed or moved', () => {
  it('takes along what is below, and its devices by a job', async () => {
    const root = top();
    const near = await inFolder(`${root}/a`);
    const far = await inFolder(`${root}/a/b`);
    const beside = await inFolder(`${root}/a-b`);
    const renamed = await edit(`${root}/a`, { name: 'n_w' });
    expect(renamed).toMatchObject({ path: `${root}/n_w`, version: 2, folders: 1 });
    await ended(renamed.jobId);
    expect(await Promise.all([near, far, beside].map(({ id }) => folderOf(id)))).toEqual([
      `${root}/n_w`,
      `${root}/n_w/b`,
      `${root}/a-b`,
    ]);
    const moved = await edit(`${root}/n_w`, { parent: `${root}/a-b` });
    await ended(moved.jobId);
    expect(await folderOf(far.id)).toBe(`${root}/a-b/n_w/b`);
    expect(await paths(`${root}/a-b`)).toEqual([`${root}/a-b/n_w`]);
    const up = await edit(moved.id, { parent: '/', name: `${root.slice(1)}-up` });
    await ended(up.jobId);
    expect(await folderOf(near.id)).toBe(`${root}-up`);
    const { deviceIds } = await registry.bus.request(selectDevices, {
      tenantId,
      filter: `folder=="${root}-up/*"`,
    });
    expect(deviceIds.sort()).toEqual([near.id, far.id].sort());
    const told = await store.readStream(tenantId, device, near.id);
    expect(told.at(-1)?.metadata.actor).toEqual(base.actor);
  });

  it('takes along the rules and groups that name it, and what enrols by them', async () => {
    const root = top();
    const [from, to] = [`${root}/paris`, `${root}/new town`];
    const { claimKey = '', id: claimKeyId } = await registry.bus.request(issueClaimKey, {
      ...base,
      claimKey: { name: unique('key'), deviceType, folder: `${from}/north`, limit: 2 },
    });
    const authority = await registry.bus.request(registerCertificateAuthority, {
      ...base,
      authority: {
        name: unique('ca'),
        certificate: (await make({ name: unique('ca'), ca: true })).pem,
        enrolment: { deviceType, folder: from, tags: ['fresh'], enabled: true },
      },
    });
    const filters = [
      `folder==${from}`,
      `(folder=in=(${from}/*,${root}/x);tags==a),folder!="${from}/north"`,
      `folder==${from}*;name==${from}`,
      `folder==${from}-2`,
    ];
    const groups = await Promise.all(
      filters.map((filter) =>
        registry.bus.request(createGroup, { ...base, group: { name: unique('g'), filter } }),
      ),
    );
    expect(await paths(root)).toEqual([from]);
    expect(await paths(from)).toEqual([`${from}/north`]);
    const moved = await edit(from, { name: 'new town' });
    expect(await ended(moved.jobId)).toMatchObject({ status: 'success', done: 4, failed: 0 });
    const filterOf = async (group: string) =>
      (await registry.bus.request(getGroup, { tenantId, group })).filter;
    expect(await Promise.all(groups.map(({ id }) => filterOf(id)))).toEqual([
      `folder=="${to}"`,
      `(folder=in=("${to}/*",${root}/x);tags==a),folder!="${to}/north"`,
      ...filters.slice(2),
    ]);
    const rule = await registry.bus.request(getCertificateAuthority, { tenantId, authorityId: authority.id });
    expect(rule.enrolment).toEqual({ ...authority.enrolment, folder: to });
    const key = await registry.bus.request(getClaimKey, { tenantId, claimKeyId });
    expect(key.folder).toBe(`${to}/north`);
    const enrolment = { claimKey, name: unique('device') };
    const enrolled = await registry.bus.request(enrolDevice, { enrolment, remoteAddress: undefined });
    expect(await folderOf(enrolled.deviceId)).toBe(`${to}/north`);
    expect(await paths(root)).toEqual([to]);
    const [last] = (await store.readStream(tenantId, claimKeyStream, claimKeyId)).slice(1);
    expect(last).toMatchObject({ type: 'ClaimKeyFolderChanged', metadata: { actor: base.actor } });
  });

  it('says which group it could not take along', async () => {
    const root = top();
    await create(root);
    const filter = `folder==${root};name==`.padEnd(MAX_FILTER_LENGTH, 'x');
    const { id } = await registry.bus.request(createGroup, { ...base, group: { name: unique('g'), filter } });
    const { jobId } = await edit(root, { name: 'y'.repeat(60) });
    expect(await ended(jobId)).toMatchObject({ status: 'failed', failed: 1 });
    expect((await registry.bus.request(getGroup, { tenantId, group: id })).filter).toBe(filter);
  });

  it('is moved on before its devices have come', async () => {
    const [a, b, c] = [top(), top(), top()];
    const made = await Promise.all(Array.from({ length: 20 }, (_, nth) => inFolder(`${a}/x${nth % 3}`)));
    await create(b);
    const jobs = [
      await edit(a, { parent: b }),
      await edit(`${b}${a}`, { name: 'on' }),
      await edit(b, { name: c.slice(1) }),
    ];
    await Promise.all(jobs.map(({ jobId }) => ended(jobId)));
    const folders = await Promise.all(made.map(({ id }) => folderOf(id)));
    expect([...new Set(folders)].sort()).toEqual([0, 1, 2].map((nth) => `${c}/on/x${nth}`));
  });

  it('gives its path to nobody while devices leave it, and cannot be deleted or stopped meanwhile', async () => {
    const [a, b] = [top(), top()];
    const made = await inFolder(a);
    const first = await edit(a, { name: b.slice(1) });
    await ended(first.jobId);
    // As if that job had not ended.
    await registry.database.query(
      `INSERT INTO folder_moves (tenant_id, job_id, from_path, to_path) VALUES ($1, $2, $3, $4)`,
      [tenantId, 'open', a, b],
    );
    expect(await code(create(a))).toBe('folder-moving');
    expect(await code(inFolder(`${a}/x`))).toBe('folder-moving');
    expect(await code(edit(b, { name: a.slice(1) }))).toBe('folder-moving');
    await registry.bus.request(deleteDevice, { ...base, deviceId: made.id });
    expect(await code(remove(b))).toBe('folder-moving');
    await registry.database.query(`DELETE FROM folder_moves WHERE job_id = 'open'`);
    await remove(b);
    const last = await inFolder(a);
    const { jobId = '' } = await edit(a, { name: unique('g') });
    const refused = await code(registry.bus.request(cancelDeviceRegistryJob, { ...base, jobId }));
    expect(['job-not-cancellable', 'job-finished']).toContain(refused);
    await ended(jobId);
    expect(await folderOf(last.id)).not.toBe(a);
  });

  it('refuses circles, paths that are taken and what would be too deep', async () => {
    const root = top();
    await create(`${root}/a/b`);
    await create(`${root}/c`);
    expect(await code(edit(`${root}/a`, { parent: `${root}/a/b` }))).toBe('folder-in-circle');
    expect(await code(edit(`${root}/a`, { parent: `${root}/a` }))).toBe('folder-in-circle');
    expect(await code(edit(`${root}/a`, { name: 'c' }))).toBe('folder-exists');
    const deep = `${root}/c/${Array.from({ length: 13 }, (_, nth) => `d${nth}`).join('/')}`;
    await create(deep);
    expect(await code(edit(`${root}/a`, { parent: deep }))).toBe('folder-too-deep');
    expect(await code(edit(`${root}/a`, { name: 'x/y' }))).toBe('invalid-request');
    expect(await code(edit(`${root}/a`, { parent: `${root}/nobody` }))).toBe('folder-not-found');
    expect((await edit(`${root}/a`, { name: 'a' })).version).toBe(1);
  });
});

describe('a folder that is deleted', () => {
  it('must be empty; how much is in it is said', async () => {
    const root = top();
    const made = await inFolder(`${root}/a/b`);
    expect((await problem(remove(root))).detail).toBe('The folder has 1 device and 2 folders in it.');
    await registry.bus.request(deleteDevice, { ...base, deviceId: made.id });
    expect(await code(remove(`${root}/a`))).toBe('folder-not-empty');
    const { id } = await get(`${root}/a/b`);
    await remove(id);
    await remove(id);
    await remove(`${root}/a`);
    expect(await paths(root)).toEqual([]);
    expect(await code(remove(`${root}/a`))).toBe('folder-not-found');
  });

  it('never leaves a device behind that was put into it at that moment', async () => {
    for (let round = 0; round < 5; round += 1) {
      const root = top();
      await create(root);
      const [put, deletion] = await Promise.allSettled([inFolder(root), remove(root)]);
      expect(put.status).toBe('fulfilled');
      // Either it was not empty, or it was made again for the device.
      const folder = await get(root, true);
      expect(folder.count).toBe(1);
      if (deletion.status === 'rejected')
        expect(await code(Promise.reject(deletion.reason as Error))).toBe('folder-not-empty');
    }
  });
});

it('is the same when the list is made again from the events', async () => {
  const root = top();
  await create(`${root}/a/b`);
  await edit(`${root}/a`, { name: 'c' });
  await create(`${root}/a`);
  const before = await paths();
  await rebuildProjections(registry.database, [folderList], aggregates);
  expect(await paths()).toEqual(before);
});
