import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openDatabase, type Database } from '@muster/event-store';
import { testDatabase, type TestDatabase } from '@muster/testing';
import { migrate } from '../app.module.js';
import { HubHealths } from './hub-health.js';
import { HubRoutes } from './hub-routes.js';
import type { StoredHub } from './hubs.projection.js';

let server: TestDatabase;
let database: Database;

beforeAll(async () => {
  server = await testDatabase({
    name: 'hub-health',
    migrate: async (url) => {
      await migrate(url);
    },
  });
  database = openDatabase({ url: server.url, schema: 'iothub_adapter', poolSize: 2, name: 'spec' });
}, 30_000);

afterAll(async () => {
  await database.close();
  await server.drop();
});

const hub = (id: string): StoredHub => ({
  ...{ tenantId: 'default', id, name: id, hostName: `${id}.example`, policy: 'muster', keyFingerprint: '' },
  ...{ consumerGroup: '$Default', tier: 'S1', units: 1, deviceTypes: [], version: 1 },
  createdAt: '2026-01-01T00:00:00.000Z',
  createdBy: { kind: 'user', id: 'spec' },
});

describe('the health of hubs', () => {
  it('counts each device that waits once, for its own hub, and who was refused', async () => {
    const identity = `INSERT INTO hub_identities (tenant_id, hub_id, hub_device_id, device_id, wanted, due_at, fault, fault_at)
                      VALUES ('default', $1, $2, $2, '{}', $3, $4, now())`;
    await database.query(identity, ['one', 'made', null, null]);
    await database.query(identity, ['one', 'due', new Date(), null]);
    await database.query(identity, ['one', 'refused', new Date(), 'the IoT Hub answered 403']);
    await database.query(identity, ['two', 'other', null, null]);
    const owed = `INSERT INTO hub_owed_offers (tenant_id, device_id, extension, due_at, hub_id, limited_by)
                  VALUES ('default', $1, $2, now(), $3, $4)`;
    await database.query(owed, ['made', 'cmx', null, null]);
    await database.query(owed, ['due', 'cex', null, null]);
    await database.query(owed, ['other', 'cmx', 'two', 'twin-updates']);
    await database.query(
      `INSERT INTO hub_budgets (hub_id, class, tokens, at, queue_ends_at)
       VALUES ('two', 'twin-updates', 0, now(), now() + interval '1 minute')`,
    );
    await database.query(
      `INSERT INTO hub_partitions (hub_id, source, partition_id, owner_id, owned_at)
       VALUES ('one', 's', '0', 'x', now()), ('one', 's', '1', 'x', now() - interval '1 hour'), ('two', 's', '0', 'x', now())`,
    );
    const healths = new HubHealths(database, new HubRoutes(database), 30);
    expect(await healths.of([hub('two'), hub('one'), hub('three')])).toMatchObject([
      { state: 'limited', waiting: 1 },
      { state: 'refusing', waiting: 3, message: expect.stringContaining('the IoT Hub answered 403') },
      { state: 'away', waiting: 0, since: '2026-01-01T00:00:00.000Z' },
    ]);
  });
});
