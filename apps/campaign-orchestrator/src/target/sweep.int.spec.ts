import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { openDatabase, type Database } from '@muster/event-store';
import { testDatabase, type TestDatabase } from '@muster/testing';
import { migrate } from '../app.module.js';
import { sweepTargets } from './sweep.js';

let server: TestDatabase;
let database: Database;
let looked: [tenantId: string, deviceIds: readonly string[]][] = [];
const watch = {
  look: (tenantId: string, deviceIds: readonly string[]): Promise<void> => {
    looked.push([tenantId, deviceIds]);
    return Promise.resolve();
  },
};

beforeAll(async () => {
  server = await testDatabase({ name: 'campaign-orchestrator', migrate });
  database = openDatabase({ url: server.url, schema: 'campaign_orchestrator', poolSize: 2, name: 'spec' });
}, 30_000);

afterAll(async () => {
  await database.close();
  await server.drop();
});

beforeEach(async () => {
  looked = [];
  await database.query('DELETE FROM campaign_targets');
});

const target = (deviceId: string, status: string, { tenantId = 'default', launchId = 'l1' } = {}) =>
  database.query({
    text: `INSERT INTO campaign_targets (tenant_id, launch_id, device_id, campaign_id, batch, place, status, name,
             device_type, app_version, interface)
           VALUES ($1, $2, $3, 'c1', 1, 1, $4, $3, 't', 't-v1', 'mqtt')`,
    values: [tenantId, launchId, deviceId, status],
  });

describe('the sweep over targets', () => {
  it('looks at devices that are waited for, once each, and at no others', async () => {
    for (const status of [
      'written',
      'dispatched',
      'acknowledged',
      'retry_wait',
      'planned',
      'succeeded',
      'failed',
    ])
      await target(`d-${status}`, status);
    await target('d-written', 'dispatched', { launchId: 'l2' });
    await target('d-other', 'written', { tenantId: 'other' });
    await sweepTargets(database, watch);
    expect(looked).toEqual([
      ['default', ['d-acknowledged', 'd-dispatched', 'd-retry_wait', 'd-written']],
      ['other', ['d-other']],
    ]);
  });

  it('goes through more than it asks about at once', async () => {
    await database.query({
      text: `INSERT INTO campaign_targets (tenant_id, launch_id, device_id, campaign_id, batch, place, status, name,
               device_type, app_version, interface)
             SELECT 'default', 'l1', 'd' || to_char(n, 'FM0000'), 'c1', 1, n, 'dispatched', 'n', 't', 't-v1', 'mqtt'
             FROM generate_series(1, 1234) AS n`,
    });
    await sweepTargets(database, watch);
    expect(looked.map(([, ids]) => ids.length)).toEqual([500, 500, 234]);
    expect(new Set(looked.flatMap(([, ids]) => ids)).size).toBe(1_234);
  });
});
