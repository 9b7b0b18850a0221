import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppError, eventStream, newId } from '@muster/contracts';
import { resolveDownload } from '@muster/contracts/firmware/requests';
import { fetchSoftware } from '@muster/contracts/firmware/software.requests';
import { resolveUpload } from '@muster/contracts/firmware/uploads.requests';
import { deviceProvisioned, type DeviceProvisioned } from '@muster/contracts/device-registry/published';
import { eventStoreMigrations, migrateSchema, openDatabase, type Database } from '@muster/event-store';
import { KnownDevices } from '@muster/known-devices';
import { connectBus, Consumes, NatsStrategy, type Bus, type Delivered } from '@muster/messaging';
import { createLogger, NestLogger } from '@muster/observability';
import { eventually, startNats, testDatabase, type TestDatabase } from '@muster/testing';
import { Firmware1763600200001 } from '../migrations/0001-firmware.js';
import { migrate, start } from './app.module.js';
import { hashOf } from './secret-token.js';
import { DEVICE_FACTS } from './software/catalogue.js';

/** What replicas of the version before do, in their words: they are stopped one by one after the migrations have run. */
const OLD = {
  learn: `
    INSERT INTO devices AS k (tenant_id, device_id, device_type_id, tags, version, deleted)
    SELECT DISTINCT ON (n.t, n.d) n.t, n.d, n.type, ARRAY(SELECT jsonb_array_elements_text(n.tags::jsonb)), n.v, false
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::integer[]) AS n (t, d, type, tags, v)
    ORDER BY n.t, n.d, n.v DESC
    ON CONFLICT (tenant_id, device_id) DO UPDATE SET
      device_type_id = coalesce(k.device_type_id, excluded.device_type_id),
      tags = CASE WHEN excluded.version > k.version THEN excluded.tags ELSE k.tags END,
      version = greatest(k.version, excluded.version)`,
  load: `
    SELECT tenant_id, device_id, device_type_id, tags, version, deleted FROM devices
    WHERE (tenant_id, device_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
      AND (deleted OR device_type_id IS NOT NULL)`,
  keepToken:
    'INSERT INTO download_tokens (tenant_id, firmware_id, token, token_hash) VALUES ($1, $2, $3, $4)',
  firmwares: `
    SELECT f.id, d.token FROM firmwares f
    JOIN firmware_types t ON t.tenant_id = f.tenant_id AND t.id = f.firmware_type_id
    JOIN download_tokens d ON d.tenant_id = f.tenant_id AND d.firmware_id = f.id`,
  issueUpload: `
    INSERT INTO upload_tokens (token_hash, tenant_id, device_id, endpoint_token_id, expires_at)
    VALUES ($1, $2, $3, $4, $5)`,
};
const oldFacts = (deviceId: string, tags: string[] = [], version = 1) => [
  ['default'],
  [deviceId],
  ['type-1'],
  [JSON.stringify(tags)],
  [version],
];

const tenantId = 'default';
const logger = createLogger({ service: 'spec', level: 'fatal' });
let server: TestDatabase;
let database: Database;

beforeEach(async () => {
  server = await testDatabase({
    name: 'firmware-before',
    migrate: async (url) => {
      const migrations = [...eventStoreMigrations, Firmware1763600200001];
      await migrateSchema({ url, schema: 'firmware', migrations });
    },
  });
  database = openDatabase({ url: server.url, schema: 'firmware', poolSize: 4, name: 'spec' });
});

afterEach(async () => {
  await database.close();
  await server.drop();
});

describe('the migration of what is known of devices', () => {
  /** The registry is away: what is known must be enough. */
  const asked: unknown[] = [];
  const request = async (_contract: object, body: object) => {
    asked.push(body);
    throw new AppError('unavailable', 'Away.');
  };
  const known = () => new KnownDevices(database, { request } as unknown as Bus);

  it('keeps all of it, so that none has to be asked for', async () => {
    await database.query(`
      INSERT INTO devices (tenant_id, device_id, device_type_id, tags, version, deleted) VALUES
        ('default', 'known', 'type-1', '{roof,north}', 4, false),
        ('default', 'gone', 'type-1', '{}', 1, true),
        ('default', 'heard-of', NULL, '{south}', 3, false)`);
    await migrate(server.url);
    const devices = known();
    const of = (deviceId: string) => ({ tenantId, deviceId });
    expect(await devices.find([of('known'), of('gone')], DEVICE_FACTS)).toEqual([
      { ...of('known'), deviceTypeId: 'type-1', tags: ['roof', 'north'] },
      expect.objectContaining({ code: 'device-not-found' }),
    ]);
    expect(asked).toEqual([]);
    expect(await devices.find([of('heard-of')], ['tags'])).toEqual([{ ...of('heard-of'), tags: ['south'] }]);
    await devices.remember([{ ...of('known'), version: 3, tags: ['older'] }]);
    expect(await devices.get(of('known'), ['tags'])).toMatchObject({ tags: ['roof', 'north'] });
  });

  it('waits for what a replica of before is writing, which others may read meanwhile', async () => {
    const writer = await database.dedicated();
    await writer.query('BEGIN');
    await writer.query(OLD.learn, oldFacts('being-written', ['roof']));
    const migrating = migrate(server.url);
    try {
      await eventually(
        async () => {
          const { rowCount } = await writer.query(
            `SELECT FROM pg_locks WHERE NOT granted AND relation = 'devices'::regclass`,
          );
          return rowCount === 1;
        },
        { deadlineMs: 10_000, what: 'the migration waits' },
      );
      // Would wait behind a lock that keeps readers out too, and fail by its timeout.
      await database.transaction(async (tx) => {
        await tx.query(`SET LOCAL lock_timeout = '1s'`);
        await tx.query(OLD.load, [[tenantId], ['being-written']]);
      });
    } finally {
      await writer.query('COMMIT');
      await writer.end();
    }
    expect(await migrating).toContain('FirmwareKnownDevices1763600200002');
    expect(await known().find([{ tenantId, deviceId: 'being-written' }], DEVICE_FACTS)).toEqual([
      { tenantId, deviceId: 'being-written', deviceTypeId: 'type-1', tags: ['roof'] },
    ]);
  });
});

describe('beside a new replica one of the version before', () => {
  const heard: string[] = [];

  @Controller()
  class OldReplica {
    @Consumes({ durable: 'firmware-devices', events: [deviceProvisioned] })
    async follow(events: readonly Delivered<DeviceProvisioned>[]): Promise<void> {
      for (const { data } of events) {
        await database.query(OLD.learn, oldFacts(data.deviceId, [...data.tags], data.version));
        heard.push(data.deviceId);
      }
    }
  }

  @Module({ controllers: [OldReplica] })
  class OldModule {}

  let nats: Awaited<ReturnType<typeof startNats>>;
  let bus: Bus;
  let directory: string;

  beforeAll(async () => {
    nats = await startNats();
    directory = await mkdtemp(join(tmpdir(), 'muster-rolling-'));
    bus = await connectBus({ url: nats.url, name: 'spec', logger });
    const { name, subjects } = eventStream('device-registry');
    await bus.ensureStream({ name, subjects, maxAgeMs: 3_600_000, maxBytes: 10_000_000 });
  });

  afterAll(async () => {
    await bus.close();
    await nats.stop();
    await rm(directory, { recursive: true });
  });

  const provision = async (deviceId: string) => {
    const actor = { kind: 'user', id: 'anna' } as const;
    const at = new Date().toISOString();
    const kind = { deviceTypeId: 'type-1', deviceType: 'x', appVersion: 'x', interface: 'mqtt' } as const;
    const data = { deviceId, version: 1, at, actor, ...kind, folder: '/', name: 'x', tags: [], metadata: {} };
    await bus.publish(deviceProvisioned, { tenantId, entityId: deviceId, id: newId(), time: at, data });
  };

  const replicaOfBefore = async () => {
    const app = await NestFactory.createMicroservice(OldModule, {
      strategy: new NatsStrategy({ bus, service: 'firmware', logger }),
      logger: new NestLogger(logger),
    });
    await app.listen();
    return app;
  };
  const newReplica = () =>
    start({
      MUSTER_DATABASE_URL: server.url,
      MUSTER_NATS_URL: nats.url,
      MUSTER_LOG_LEVEL: 'fatal',
      MUSTER_FILES: directory,
      MUSTER_FIRMWARE_BASE_URL: 'http://devices.example',
    });

  it('hears of every device, as the new one does', async () => {
    const old = await replicaOfBefore();
    const before = newId();
    await provision(before);
    await eventually(() => heard.includes(before), { deadlineMs: 5_000, what: 'the old one hears' });
    await migrate(server.url);
    const service = await newReplica();
    const during = Array.from({ length: 30 }, () => newId());
    await Promise.all(during.map(provision));
    await eventually(() => during.every((id) => heard.includes(id)), {
      deadlineMs: 10_000,
      what: 'the old replica has all of them',
    });
    await eventually(
      async () => {
        const { rows } = await database.query<{ device_id: string }>('SELECT device_id FROM known_devices');
        return [before, ...during].every((id) => rows.some((row) => row.device_id === id));
      },
      { deadlineMs: 10_000, what: 'the new replica has all of them' },
    );
    // There is no registry here to ask.
    const known = { tenantId, deviceId: during[0]!, interface: 'mqtt' } as const;
    expect(await bus.request(fetchSoftware, known)).toMatchObject({ unchanged: true });
    await service.stop();
    await old.close();
  }, 60_000);

  it('goes on with its tables, and what it handed out goes on for some days', async () => {
    const insertFirmware = (id: string, version: string) =>
      database.query(
        `INSERT INTO firmwares (tenant_id, id, firmware_type_id, device_type_id, version, name, file_key, size, sha256,
           upgradable_from, rollout, available_since, revision, created_at)
         VALUES ('default', $1, 'ft', 'type-1', $2, 'a.bin', $1, 1, 'ab', '{}', '{"strategy":"suspended"}', now(), 1, now())`,
        [id, version],
      );
    await database.query(
      `INSERT INTO firmware_types (tenant_id, id, device_type_id, name, version_key, url_key, token_key, created_at)
       VALUES ('default', 'ft', 'type-1', 'main', 'v', 'u', 't', now())`,
    );
    const [before, after] = [newId(), newId()];
    await insertFirmware(before, '1.0.0');
    await database.query(OLD.keepToken, [tenantId, before, 'of-before', hashOf('of-before')]);
    await migrate(server.url);
    await insertFirmware(after, '2.0.0');
    await database.query(OLD.keepToken, [tenantId, after, 'of-after', hashOf('of-after')]);
    const soon = new Date(Date.now() + 60_000);
    await database.query(OLD.issueUpload, [hashOf('upload'), tenantId, 'device', 'token-1', soon]);
    const { rows } = await database.query<{ id: string }>(OLD.firmwares);
    expect(rows.map(({ id }) => id).sort()).toEqual([before, after].sort());

    const service = await newReplica();
    for (const [firmwareId, token] of [
      [before, 'of-before'],
      [after, 'of-after'],
    ] as const) {
      expect(await bus.request(resolveDownload, { firmwareId, token })).toMatchObject({
        fileKey: firmwareId,
      });
    }
    expect(await bus.request(resolveUpload, { token: 'upload' })).toMatchObject({ deviceId: 'device' });
    await database.query(`UPDATE download_tokens SET expires_at = expires_at - interval '7 days'`);
    await expect(
      bus.request(resolveDownload, { firmwareId: before, token: 'of-before' }),
    ).rejects.toMatchObject({ code: 'not-allowed' });
    await service.stop();
  }, 60_000);
});
