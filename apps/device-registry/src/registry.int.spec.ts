import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventStream, type JsonObject } from '@muster/contracts';
import {
  addAppVersion,
  deleteDeviceType,
  editDeviceType,
} from '@muster/contracts/device-registry/device-types.requests';
import { createFolder, deleteFolder, editFolder } from '@muster/contracts/device-registry/folders.requests';
import { createGroup, deleteGroup, editGroup } from '@muster/contracts/device-registry/groups.requests';
import { deleteDevice, editDevice } from '@muster/contracts/device-registry/devices.requests';
import { editToken, issueToken } from '@muster/contracts/device-registry/tokens.requests';
import { changeMetadata } from '@muster/contracts/device-registry/metadata.requests';
import {
  editCertificateAuthority,
  registerCertificateAuthority,
} from '@muster/contracts/device-registry/certificate-authorities.requests';
import {
  editClaimKey,
  enrolDevice,
  issueClaimKey,
} from '@muster/contracts/device-registry/claim-keys.requests';
import { makeAuthority } from './authentication/certificates.fixture.js';
import { rebuildProjections } from '@muster/event-store';
import { editCredential, issueCredential } from '@muster/contracts/device-registry/credentials.requests';
import { eventually, testDatabase } from '@muster/testing';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import pg from 'pg';
import { aggregates, migrate, projections, rebuilds, start } from './app.module.js';
import { base, actor, startRegistry, unique, type RunningRegistry } from './running-registry.fixture.js';

let registry: RunningRegistry;

beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry.stop());

describe('published events', () => {
  it('tell the life of a device and its type, in order', async () => {
    const type = await registry.createType();
    const made = await registry.provision({ deviceType: type.id, metadata: { a: 1 } });
    await registry.bus.request(changeMetadata, { ...base, deviceId: made.id, patch: { a: null } });
    await registry.bus.request(deleteDevice, { ...base, deviceId: made.id });
    await registry.bus.request(deleteDeviceType, { ...base, deviceType: type.id });
    const all = [
      ...(await publishedFor(type.id, 1)),
      ...(await publishedFor(made.id, 4)),
      ...(await publishedFor(type.id, 2)).slice(1),
    ];
    expect(all.map(([subject]) => subject)).toEqual([
      'device-type.changed',
      'device.provisioned',
      'device.token-changed',
      'device.changed',
      'device.deleted',
      'device-type.deleted',
    ]);
    expect(all.slice(1, 5).map(([, data]) => data['version'])).toEqual([1, 2, 3, 4]);
    expect(all[1]?.[1]).toMatchObject({
      deviceId: made.id,
      actor,
      deviceType: type.name,
      metadata: { a: 1 },
    });
    expect(all[3]?.[1]).toMatchObject({ changes: { 'metadata.a': { from: 1, to: null } } });
    expect(JSON.stringify(all)).not.toContain(made.token);
  });

  it('tell the life of a folder', async () => {
    const name = unique('folder');
    const { id } = await registry.bus.request(createFolder, { ...base, folder: { path: `/${name}` } });
    await registry.bus.request(editFolder, { ...base, folder: id, edit: { name: `${name}-2` } });
    await registry.bus.request(deleteFolder, { ...base, folder: id });
    const told = await publishedFor(id, 3);
    expect(told.map(([subject]) => subject)).toEqual(['folder.created', 'folder.changed', 'folder.deleted']);
    expect(told[0]?.[1]).toMatchObject({ folderId: id, path: `/${name}`, actor });
    expect(told[1]?.[1]['changes']).toEqual({
      name: { from: name, to: `${name}-2` },
      path: { from: `/${name}`, to: `/${name}-2` },
    });
    expect(told[2]?.[1]).toMatchObject({ path: `/${name}-2`, version: 3 });
  });

  it('tell the life of a group, field by field', async () => {
    const name = unique('group');
    const { id } = await registry.bus.request(createGroup, { ...base, group: { name, filter: 'tags==a' } });
    const edit = { name: `${name}-2`, description: 'Some.', filter: 'tags==b' };
    await registry.bus.request(editGroup, { ...base, group: id, edit });
    await registry.bus.request(deleteGroup, { ...base, group: id });
    const told = await publishedFor(id, 5);
    expect(told.map(([subject]) => subject)).toEqual([
      'group.created',
      'group.changed',
      'group.changed',
      'group.changed',
      'group.deleted',
    ]);
    expect(told.map(([, data]) => data)).toMatchObject([
      { groupId: id, version: 1, actor, name, filter: 'tags==a' },
      { version: 2, changes: { name: { from: name, to: edit.name } } },
      { version: 3, changes: { description: { from: null, to: 'Some.' } } },
      { version: 4, changes: { filter: { from: 'tags==a', to: 'tags==b' } } },
      { version: 5, name: edit.name },
    ]);
  });
});

describe('the tables', () => {
  beforeAll(async () => {
    for (const wanted of ['mqtt', 'http', 'http', 'iothub'] as const) await oneLife(wanted);
    const { id } = await registry.bus.request(createGroup, {
      ...base,
      group: { name: unique('group'), filter: 'tags==a' },
    });
    await registry.bus.request(editGroup, { ...base, group: id, edit: { description: 'Some.' } });
    const authority = await registry.bus.request(registerCertificateAuthority, {
      ...base,
      authority: { name: unique('authority'), certificate: (await makeAuthority(unique('ca'))).pem },
    });
    await registry.bus.request(editCertificateAuthority, {
      ...base,
      authorityId: authority.id,
      edit: { name: unique('authority'), validUntil: '2026-12-31T00:00:00Z', status: 'revoked' },
    });
    const { id: deviceType } = await registry.createType();
    const key = await registry.bus.request(issueClaimKey, {
      ...base,
      claimKey: { name: unique('key'), deviceType },
    });
    await registry.bus.request(enrolDevice, {
      enrolment: { claimKey: key.claimKey ?? '', name: unique('device') },
    });
    await registry.bus.request(editClaimKey, { ...base, claimKeyId: key.id, edit: { limit: 2 } });
  });

  it('are the same after they are rebuilt from the events', async () => {
    const dump = async () => {
      const tables = [
        'device_types',
        'app_versions',
        'devices',
        'device_tokens',
        'endpoint_tokens',
        'device_credentials',
        'device_usernames',
        'device_secrets',
        'device_passwords',
        'certificate_authorities',
        'claim_keys',
        'claim_key_hashes',
        'groups',
      ];
      return Promise.all(
        tables.map(
          async (table) =>
            (await registry.database.query(`SELECT * FROM ${table} ORDER BY 1, 2, 3`)).rows as object[],
        ),
      );
    };
    const before = await dump();
    expect(
      await rebuildProjections(registry.database, [...projections].reverse(), aggregates),
    ).toBeGreaterThan(50);
    expect(await dump()).toEqual(before);
  });

  it('can be rebuilt one by one while the service runs, and the secrets stay', async () => {
    const secrets = async () =>
      Promise.all(
        ['endpoint_tokens', 'device_secrets', 'device_passwords', 'claim_key_hashes'].map(
          async (table) => (await registry.database.query<object>(`SELECT * FROM ${table} ORDER BY id`)).rows,
        ),
      );
    const before = await secrets();
    expect(before.every((rows) => rows.length > 0)).toBe(true);
    for (const { run } of Object.values(rebuilds))
      expect(await run(registry.databaseUrl, {})).toMatch(/^\d+ /);
    expect(await rebuilds['current']?.run(registry.databaseUrl, {})).toContain(
      ' 0 altered, 0 missing, 0 without events',
    );
    expect(await secrets()).toEqual(before);
    const { id } = await registry.provision({ deviceType: (await registry.createType()).id });
    expect(await publishedFor(id, 2)).toHaveLength(2);
  });
});

describe('when a dependency is away', () => {
  const failing = async () => (await registry.app.ops.health.ready()).failing.map((check) => check.name);

  it('is ready when both are there', async () => {
    expect(await registry.app.ops.health.ready()).toEqual({ ready: true, failing: [] });
  });

  it('survives the loss of every database connection', async () => {
    const type = await registry.createType();
    const admin = new pg.Client({ connectionString: registry.databaseUrl });
    await admin.connect();
    await admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE application_name = 'device-registry' AND datname = current_database()`,
    );
    await admin.end();
    const made = await eventually(() => registry.provision({ deviceType: type.id }), {
      what: 'a device after the loss',
    });
    expect(await publishedFor(made.id, 2)).toHaveLength(2);
  });

  it('survives a killed NATS, says so meanwhile, and publishes what happened before', async () => {
    const type = await registry.createType();
    await registry.nats.kill9();
    await eventually(async () => (await failing()).includes('nats'), { what: 'not ready' });
    await registry.nats.restart();
    await eventually(async () => (await failing()).length === 0, { what: 'ready again', deadlineMs: 15_000 });
    const made = await eventually(() => registry.provision({ deviceType: type.id }), {
      what: 'a device after the restart',
      deadlineMs: 15_000,
    });
    expect(await publishedFor(made.id, 2)).toHaveLength(2);
  });

  it('waits for migrations at its start', async () => {
    const empty = await testDatabase();
    const starting = start({
      MUSTER_DATABASE_URL: empty.url,
      MUSTER_NATS_URL: registry.nats.url,
      MUSTER_LOG_LEVEL: 'silent',
    });
    await migrate(empty.url);
    await (await starting).stop();
    await empty.drop();
  });
});

/** Entity, verb and data of the events of one entity, once `count` of them have arrived. */
const publishedFor = async (entityId: string, count: number): Promise<[string, JsonObject][]> => {
  const connection = await connect({ servers: registry.nats.url });
  try {
    const stream = eventStream('device-registry').name;
    const manager = await jetstreamManager(connection);
    const consumer = await jetstream(connection).consumers.get(stream, {
      filter_subjects: `muster.v1.event.device-registry.default.*.*.${entityId}`,
    });
    await eventually(
      async () => {
        const { state } = await manager.streams.info(stream, {
          subjects_filter: `muster.v1.event.device-registry.default.*.*.${entityId}`,
        });
        return Object.values(state.subjects ?? {}).reduce((sum, one) => sum + one, 0) >= count;
      },
      { what: `${count} events of ${entityId}` },
    );
    const found: [string, JsonObject][] = [];
    for await (const message of await consumer.fetch({ max_messages: count, expires: 5_000 })) {
      found.push([message.subject.split('.').slice(5, 7).join('.'), message.json<JsonObject>()]);
    }
    return found;
  } finally {
    await connection.close();
  }
};

/** Every kind of event of a type and a device, but their ends; those end that came before. */
const oneLife = async (wanted: 'mqtt' | 'http' | 'iothub'): Promise<void> => {
  const { bus } = registry;
  const { id: deviceType } = await registry.createType({ settings: { plainTelemetry: true } });
  const v2 = { name: unique('v2') };
  await bus.request(editDeviceType, {
    ...base,
    deviceType,
    edit: { name: unique('type'), description: 'd' },
  });
  await bus.request(addAppVersion, { ...base, deviceType, appVersion: v2 });
  const { id: deviceId } = await registry.provision({ deviceType, interface: wanted, metadata: { a: 1 } });
  const about = { ...base, deviceId };
  await bus.request(editDevice, {
    ...about,
    edit: {
      name: unique('device'),
      folder: '/x',
      tags: ['t'],
      serialNumber: unique('S'),
      appVersion: v2.name,
    },
  });
  await bus.request(changeMetadata, { ...about, patch: { a: null, b: [2] } });
  const token = await bus.request(issueToken, about);
  await bus.request(editToken, {
    ...about,
    tokenId: token.id,
    edit: { status: 'active', validUntil: '2099-01-01T00:00:00Z' },
  });
  await bus.request(editToken, { ...about, tokenId: token.id, edit: { status: 'revoked' } });
  await bus.request(editDevice, { ...about, edit: { status: 'suspended' } });
  if (wanted === 'mqtt') {
    const credential = { kind: 'password', status: 'inactive' } as const;
    const password = await bus.request(issueCredential, { ...about, credential });
    const edit = { status: 'active', validUntil: '2099-01-01T00:00:00Z' } as const;
    await bus.request(editCredential, { ...about, credentialId: password.id, edit });
    await bus.request(editDevice, { ...about, edit: { tokenOnly: false } });
  }
  if (wanted === 'http') {
    const secret = await bus.request(issueCredential, { ...about, credential: { kind: 'secret' } });
    await bus.request(editCredential, { ...about, credentialId: secret.id, edit: { status: 'revoked' } });
  }
};
