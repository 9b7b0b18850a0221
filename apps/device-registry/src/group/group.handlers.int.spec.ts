import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '@muster/contracts';
import { startDeviceBulk } from '@muster/contracts/device-registry/bulk.requests';
import { listDevices } from '@muster/contracts/device-registry/devices.requests';
import { selectDevices } from '@muster/contracts/device-registry/selection.requests';
import {
  createGroup,
  deleteGroup,
  editGroup,
  getGroup,
  listGroups,
  type GroupInput,
  type GroupView,
} from '@muster/contracts/device-registry/groups.requests';
import { previewTarget } from '@muster/contracts/device-registry/targets.requests';
import { createEventStore } from '@muster/event-store';
import { job } from '@muster/jobs';
import { eventually } from '@muster/testing';
import {
  base,
  code,
  problem,
  startRegistry,
  tenantId,
  unique,
  type RunningRegistry,
} from '../running-registry.fixture.js';
import { MAX_GROUPS_IN_FILTER } from './groups-in-filter.js';

let registry: RunningRegistry;

beforeAll(async () => {
  registry = await startRegistry();
  await registry.createType({ name: 'radiator' });
  const device = (name: string, tags: string[], floor?: number) =>
    registry.provision({
      name,
      deviceType: 'radiator',
      tags,
      ...(floor === undefined ? {} : { metadata: { floor } }),
    });
  await device('attic', ['roof', 'north'], 5);
  await device('hall', ['indoor'], 0);
  await device('shed', []);
}, 60_000);

afterAll(() => registry.stop());

const create = (group: Partial<GroupInput>, idempotencyKey?: string): Promise<GroupView> =>
  registry.bus.request(createGroup, {
    ...base,
    idempotencyKey,
    group: { name: unique('g'), filter: 'tags==roof', ...group },
  });
const found = async (filter: string): Promise<string[]> => {
  const { items } = await registry.bus.request(listDevices, { tenantId, filter });
  return items.map(({ name }) => name);
};

describe('a group', () => {
  it('is created, read by id and name, listed, edited and deleted', async () => {
    const made = await create({ description: 'Under the sun' });
    expect(made).toMatchObject({ description: 'Under the sun', filter: 'tags==roof', version: 1 });
    for (const group of [made.id, made.name])
      expect(await registry.bus.request(getGroup, { tenantId, group })).toEqual(made);
    const { items, total } = await registry.bus.request(listGroups, { tenantId, count: true });
    expect(items).toContainEqual(made);
    expect(total).toBe(items.length);
    const name = unique('renamed');
    const edit = { name, description: null, filter: 'metadata.floor>3' };
    const edited = await registry.bus.request(editGroup, {
      ...base,
      group: made.name,
      edit,
      expectedVersion: 1,
    });
    expect(edited).toEqual({ ...made, name, description: undefined, filter: edit.filter, version: 4 });
    const outdated = { ...base, group: made.id, expectedVersion: 1 };
    expect(await code(registry.bus.request(editGroup, { ...outdated, edit: { name: 'x' } }))).toBe(
      'version-mismatch',
    );
    expect(await code(registry.bus.request(deleteGroup, outdated))).toBe('version-mismatch');
    await registry.bus.request(deleteGroup, { ...base, group: name, expectedVersion: 4 });
    expect(await code(registry.bus.request(getGroup, { tenantId, group: made.id }))).toBe('group-not-found');
    // Again by its id: satisfied. By a name that nobody has: not there.
    await registry.bus.request(deleteGroup, { ...base, group: made.id });
    expect(await code(registry.bus.request(deleteGroup, { ...base, group: name }))).toBe('group-not-found');
  });

  it('counts its devices when asked to', async () => {
    const { id } = await create({ filter: 'deviceType==radiator;tags=exists=true' });
    expect(await registry.bus.request(getGroup, { tenantId, group: id, count: true })).toMatchObject({
      count: 2,
    });
  });

  it('comes in pages by name', async () => {
    const names = (await Promise.all(Array.from({ length: 3 }, () => create({})))).map(({ name }) => name);
    const all: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await registry.bus.request(listGroups, { tenantId, limit: 2, cursor });
      all.push(...page.items.map(({ name }) => name));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(all).toEqual([...all].sort());
    expect(all).toEqual(expect.arrayContaining(names));
  });

  it('has a name of its own in the tenant, and the same answer for the same idempotency key', async () => {
    const key = newId();
    const made = await create({ name: 'mine' }, key);
    expect(await create({ name: 'mine' }, key)).toEqual(made);
    expect(await code(create({ name: 'mine' }))).toBe('group-name-taken');
    const other = await create({});
    const rename = { ...base, group: other.id, edit: { name: 'mine' } };
    expect(await code(registry.bus.request(editGroup, rename))).toBe('group-name-taken');
    const elsewhere = { ...base, tenantId: 'other', group: { name: 'mine', filter: 'tags==x' } };
    expect((await registry.bus.request(createGroup, elsewhere)).name).toBe('mine');
  });

  it('is refused with a filter that cannot be read, or that names groups', async () => {
    const { name } = await create({});
    expect(await problem(create({ filter: 'tags==' }))).toMatchObject({
      code: 'invalid-filter',
      errors: [{ path: 'group.filter' }],
    });
    // No circles, then: not even of one.
    const nested = await problem(create({ filter: `tags==a;group==${name}` }));
    expect(nested.code).toBe('invalid-filter');
    expect(nested.detail).toContain('position 9: found "group"');
    const edit = { ...base, group: name, edit: { filter: `group==${name}` } };
    expect(await problem(registry.bus.request(editGroup, edit))).toMatchObject({
      code: 'invalid-filter',
      errors: [{ path: 'edit.filter' }],
    });
  });
});

describe('a filter that names groups', () => {
  it('means the devices of their filters as they are now', async () => {
    const { name } = await create({ filter: 'tags==roof' });
    expect(await found(`group==${name}`)).toEqual(['attic']);
    await registry.bus.request(editGroup, { ...base, group: name, edit: { filter: 'tags==indoor' } });
    expect(await found(`group==${name}`)).toEqual(['hall']);
  });

  it('can be part of any other', async () => {
    const high = (await create({ filter: 'metadata.floor>3' })).name;
    const tagged = (await create({ filter: 'tags==north,(tags==indoor;metadata.floor==0)' })).name;
    expect(await found(`group==${tagged}`)).toEqual(['attic', 'hall']);
    expect(await found(`group==${tagged};group!=${high}`)).toEqual(['hall']);
    expect(await found(`group=in=(${high},${tagged});name==a*`)).toEqual(['attic']);
    expect(await found(`group==${high},name==shed`)).toEqual(['attic', 'shed']);
  });

  it('finds with != and =out= all the others, also where there is no value', async () => {
    const filters = [
      'metadata.floor>3',
      'metadata.floor!=0',
      'tags==roof;metadata.floor==5',
      'tags==roof,tags==indoor',
      '(tags==roof,name==shed);(metadata.floor=exists=false,connected==true)',
      'deviceType==radiator;lastSeenAt=exists=false',
    ];
    for (const filter of filters) {
      const { name } = await create({ filter });
      const of = await found(`group==${name}`);
      expect(of).toEqual(await found(filter));
      const others = ['attic', 'hall', 'shed'].filter((one) => !of.includes(one));
      expect(await found(`group!=${name}`)).toEqual(others);
      expect(await found(`group=out=(${name})`)).toEqual(others);
    }
  });

  it('is taken wherever a filter is', async () => {
    const { name } = await create({ filter: 'tags==roof' });
    const filter = `group==${name}`;
    expect((await registry.bus.request(selectDevices, { tenantId, filter })).deviceIds).toHaveLength(1);
    expect(await registry.bus.request(previewTarget, { tenantId, target: { filter } })).toMatchObject({
      matched: 1,
      sample: [{ name: 'attic' }],
    });
    const bulk = { target: { filter }, metadata: { seen: true }, expectedCount: 1 };
    const { jobId } = await registry.bus.request(startDeviceBulk, { ...base, bulk });
    const store = createEventStore(registry.database);
    await eventually(
      async () => {
        const { standing } = (await store.load(job, tenantId, jobId)).state;
        return standing?.status === 'success' && standing.done === 1;
      },
      { deadlineMs: 10_000, what: 'the job has ended' },
    );
    expect(await found('metadata.seen==true')).toEqual(['attic']);
  });

  it('is refused when there is no such group, naming it, and in another tenant', async () => {
    const { name } = await create({});
    const refused = await problem(registry.bus.request(listDevices, { tenantId, filter: 'group==nobodys' }));
    expect(refused).toMatchObject({ code: 'invalid-filter', status: 400, errors: [{ path: 'filter' }] });
    expect(refused.detail).toBe('The filter names the group "nobodys", which does not exist.');
    const elsewhere = { tenantId: 'other', filter: `group==${name}` };
    expect(await code(registry.bus.request(listDevices, elsewhere))).toBe('invalid-filter');
    await registry.bus.request(deleteGroup, { ...base, group: name });
    expect(await code(registry.bus.request(selectDevices, { tenantId, filter: `group==${name}` }))).toBe(
      'invalid-filter',
    );
  });

  it('names whole groups, and not too many', async () => {
    const told = async (filter: string) =>
      (await problem(registry.bus.request(listDevices, { tenantId, filter }))).detail;
    expect(await told('group==roof*')).toContain(
      'position 8: found "roof*", expected a whole name, without *',
    );
    expect(await told('group>a')).toContain('one of == != =in= =out=');
    const names = Array.from({ length: MAX_GROUPS_IN_FILTER + 1 }, (_none, nth) => `g${nth}`);
    expect(await told(`group=in=(${names.join()})`)).toContain(`at most ${MAX_GROUPS_IN_FILTER}`);
  });
});
