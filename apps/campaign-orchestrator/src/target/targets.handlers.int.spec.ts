import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ListTargets } from '@muster/contracts/campaign-orchestrator/targets.requests';
import { createEventStore, openDatabase, type Database, type EventStore } from '@muster/event-store';
import { testDatabase, type TestDatabase } from '@muster/testing';
import { migrate } from '../app.module.js';
import { CampaignHistoryHandlers } from '../campaign/campaign-history.handlers.js';
import { campaign } from '../campaign/campaign.decider.js';
import type { CampaignCommand } from '../campaign/campaign-commands.js';
import { anna, create, launch, pause, resolve, resume } from '../campaign/campaigns.fixture.js';
import type { LaunchPlan } from './launch-plan.js';
import { TargetHandlers } from './targets.handlers.js';

const tenantId = 'default';
const campaignId = 'c1';
const MANY = 100_000;

let server: TestDatabase;
let database: Database;
let store: EventStore;
let targets: TargetHandlers;

beforeAll(async () => {
  server = await testDatabase({ name: 'campaign-orchestrator', migrate });
  database = openDatabase({ url: server.url, schema: 'campaign_orchestrator', poolSize: 2, name: 'spec' });
  store = createEventStore(database, { projections: [] });
  targets = new TargetHandlers(database, store, undefined as unknown as LaunchPlan); // of previews only
  for (const command of [create(), launch(), resolve(MANY)]) await execute(command);
  // One of a hundred timed out, and of these one of ten because its campaign has ended; one other device refused.
  await database.query(
    `INSERT INTO campaign_targets (tenant_id, launch_id, device_id, campaign_id, batch, place, status, name, device_type,
       app_version, interface, reason)
     SELECT $1, 'l1', 'd' || to_char(n, 'FM000000'), $2, 1 + n % 2, n, s.status, 'n', 't', 't-v1', 'mqtt', s.reason
     FROM generate_series(1, $3::integer) AS n, LATERAL (
       SELECT * FROM (VALUES
         (n % 1000 = 0, 'timed_out', '{"code":"campaign_ended","origin":"campaign"}'::jsonb),
         (n % 100 = 0, 'timed_out', '{"code":"no_ack","origin":"device"}'),
         (n = 99999, 'failed', '{"code":"status-400","origin":"device"}'),
         (n % 2 = 1, 'skipped', '{"code":"campaign_ended","origin":"campaign"}'),
         (true, 'succeeded', NULL)) AS which (is_so, status, reason)
       WHERE is_so LIMIT 1) s`,
    [tenantId, campaignId, MANY],
  );
  await database.query('ANALYZE campaign_targets');
}, 120_000);

afterAll(async () => {
  await database.close();
  await server.drop();
});

const execute = (command: CampaignCommand) =>
  store.execute(campaign, { tenantId, id: campaignId, command, metadata: { actor: anna } });
const list = (more: Partial<ListTargets>) => targets.list({ tenantId, campaignId, count: true, ...more });
const total = async (more: Partial<ListTargets>) => (await list({ ...more, limit: 1 })).total;

describe('the devices of a campaign by their reason', () => {
  it('are exactly those that have it, however it is narrowed', async () => {
    expect(await total({ reason: 'no_ack' })).toBe(900);
    expect(await total({ reason: 'no_ack', origin: 'user' })).toBe(0);
    expect(await total({ reason: 'campaign_ended' })).toBe(50_099);
    expect(await total({ reason: 'campaign_ended', status: 'timed_out' })).toBe(100);
    expect(await total({ reason: 'campaign_ended', status: 'skipped', batch: 1 })).toBe(0);
    expect(await total({ reason: 'campaign_ended', status: 'skipped', batch: 2 })).toBe(49_999);
    expect(await total({ origin: 'device', status: 'failed' })).toBe(1);
    const { items } = await list({ reason: 'status-400' });
    expect(items.map(({ deviceId }) => deviceId)).toEqual(['d099999']);
  });

  it('come page by page, each once', async () => {
    const seen: string[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await list({ reason: 'no_ack', limit: 400, count: false, ...(cursor && { cursor }) });
      seen.push(...page.items.map(({ deviceId }) => deviceId));
      if (page.nextCursor === null) break;
      cursor = page.nextCursor;
    }
    expect(new Set(seen).size).toBe(900);
    expect(seen).toEqual([...seen].sort());
  });

  it('are found by their index, among as many as a campaign may have', async () => {
    const { rows } = await database.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN SELECT device_id FROM campaign_targets
       WHERE tenant_id = 'default' AND launch_id = 'l1' AND reason->>'code' = 'status-400' AND device_id > ''
       ORDER BY device_id LIMIT 51`,
    );
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('campaign_targets_reason');
  });
});

describe('the history of a campaign', () => {
  it('says who did what, newest first, without the devices that were named', async () => {
    await execute(pause);
    await execute(resume());
    const history = new CampaignHistoryHandlers(store);
    const first = await history.list({ tenantId, campaignId, limit: 2, count: true });
    expect(first).toMatchObject({
      total: 5,
      items: [
        { version: 5, what: 'resumed', by: anna, overridden: false },
        { version: 4, what: 'paused', by: anna },
      ],
    });
    const rest = await history.list({ tenantId, campaignId, cursor: first.nextCursor ?? '' });
    expect(rest).toMatchObject({
      items: [{ what: 'resolved' }, { what: 'launched' }, { version: 1, what: 'created', by: anna }],
      nextCursor: null,
    });
    await expect(history.list({ tenantId, campaignId: 'nobody' })).rejects.toThrow('campaign-not-found');
  });
});
