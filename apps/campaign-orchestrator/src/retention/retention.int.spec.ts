import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import { createEventStore, openDatabase, type Database, type EventStore } from '@muster/event-store';
import { testDatabase, type TestDatabase } from '@muster/testing';
import { migrate, projections } from '../app.module.js';
import * as commands from '../campaign/campaigns.fixture.js';
import { campaign } from '../campaign/campaign.decider.js';
import { assertSupervisedKept, assertTargetsKept, Retention } from './retention.js';

const DAYS = 90;
const tenantId = 'default';

let server: TestDatabase;
let database: Database;
let store: EventStore;

beforeAll(async () => {
  server = await testDatabase({ name: 'campaign-orchestrator', migrate });
  database = openDatabase({ url: server.url, schema: 'campaign_orchestrator', poolSize: 2, name: 'spec' });
  store = createEventStore(database, { projections });
}, 30_000);

afterAll(async () => {
  await database.close();
  await server.drop();
});

beforeEach(async () => {
  for (const table of ['campaign_launches', 'campaign_targets', 'campaign_points', 'campaign_counters'])
    await database.query(`DELETE FROM ${table}`);
  for (const table of ['supervisions', 'supervised_devices', 'supervision_counts'])
    await database.query(`DELETE FROM ${table}`);
});

const daysAgo = (days: number): string => new Date(Date.now() - days * 86_400_000).toISOString();

/** A campaign of one device that was completed then, with everything that is kept of it. */
const completed = async (id: string, endedAt: string, status = 'succeeded'): Promise<void> => {
  const { create, launch, resolve, released, dispatched, synchronised, passed, complete } = commands;
  const steps = [create(), launch({ launchId: id }), resolve(1), released(1), dispatched(1), synchronised(1)];
  for (const command of [...steps, passed(1), { ...complete, at: endedAt }]) {
    const own = command.type === 'ResolveTargets' ? { ...command, launchId: id } : command;
    await store.execute(campaign, { tenantId, id, command: own, metadata: { actor: commands.anna } });
  }
  await database.query({
    text: `INSERT INTO campaign_launches (tenant_id, launch_id, campaign_id, wanted, keys, open)
           VALUES ($1, $2, $2, '{}', '{}', false)`,
    values: [tenantId, id],
  });
  await database.query({
    text: `INSERT INTO campaign_targets (tenant_id, launch_id, device_id, campaign_id, batch, place, status, name,
             device_type, app_version, interface)
           VALUES ($1, $2, 'd1', $2, 1, 1, $3, 'd1', 't', 't-v1', 'mqtt')`,
    values: [tenantId, id, status],
  });
  for (const row of [
    `campaign_counters (tenant_id, launch_id, batch, counted, n) VALUES ($1, $2, 1, 'succeeded', 1)`,
    `campaign_points (tenant_id, launch_id, at, counts) VALUES ($1, $2, now(), '{}')`,
  ])
    await database.query({ text: `INSERT INTO ${row}`, values: [tenantId, id] });
};

const rowsOf = async (table: string, id: string): Promise<number> => {
  const column = table.startsWith('campaign') ? 'launch_id' : 'supervision_id';
  const { rowCount } = await database.query({
    text: `SELECT FROM ${table} WHERE tenant_id = $1 AND ${column} = $2`,
    values: [tenantId, id],
  });
  return rowCount ?? 0;
};

const untilDone = async (retention: Retention): Promise<void> => {
  while (await retention.round());
};

const refused = async (asked: Promise<void>): Promise<AppError> => {
  const error: unknown = await asked.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof AppError)) throw new Error('it was not refused');
  return error;
};

describe('the devices of a campaign', () => {
  it('are removed so many days after its end, with its points; its numbers stay, and who asks is told', async () => {
    await completed('old', daysAgo(DAYS + 1));
    await completed('new', daysAgo(DAYS - 1));
    await untilDone(new Retention(database, DAYS));
    expect([await rowsOf('campaign_targets', 'old'), await rowsOf('campaign_points', 'old')]).toEqual([0, 0]);
    expect(await rowsOf('campaign_counters', 'old')).toBe(1);
    expect([await rowsOf('campaign_targets', 'new'), await rowsOf('campaign_points', 'new')]).toEqual([1, 1]);
    await assertTargetsKept(database, tenantId, 'new');
    const error = await refused(assertTargetsKept(database, tenantId, 'old'));
    expect(error).toMatchObject({
      code: 'no-longer-kept',
      detail: expect.stringMatching(/were removed on 20/),
    });
    const { state } = await store.load(campaign, tenantId, 'old');
    expect(state).toMatchObject({ status: 'completed', outcome: 'succeeded', total: 1 });
  });

  it('stay as long as the campaign waits for one of them', async () => {
    await completed('waits', daysAgo(DAYS + 1), 'dispatched');
    // All have settled, and the campaign has not looked at it yet: it may still say so to others.
    await completed('open', daysAgo(DAYS + 1));
    await database.query(`UPDATE campaign_launches SET open = true WHERE launch_id = 'open'`);
    await untilDone(new Retention(database, DAYS));
    expect(await rowsOf('campaign_targets', 'waits')).toBe(1);
    expect(await rowsOf('campaign_targets', 'open')).toBe(1);
    await assertTargetsKept(database, tenantId, 'waits');
  });
});

describe('the devices of a supervision', () => {
  const supervised = async (id: string, closedAt: string | null): Promise<void> => {
    await database.query({
      text: `INSERT INTO supervisions (tenant_id, id, version, name, status, configurations, expected_states,
               expected_from, keys, opened_at, opened_by, closed_at)
             VALUES ($1, $2, 1, 'n', 'open', '{}', '{}', 'any', '{}', now(), '{}', $3)`,
      values: [tenantId, id, closedAt],
    });
    await database.query({
      text: `INSERT INTO supervision_counts (tenant_id, supervision_id, valid) VALUES ($1, $2, 1)`,
      values: [tenantId, id],
    });
    await database.query({
      text: `INSERT INTO supervised_devices (tenant_id, supervision_id, device_id, name, interface)
             VALUES ($1, $2, 'd1', 'd1', 'mqtt')`,
      values: [tenantId, id],
    });
  };

  it('are removed so many days after it was closed, and never while it is open', async () => {
    await supervised('closed', daysAgo(DAYS + 1));
    await supervised('open', null);
    await untilDone(new Retention(database, DAYS));
    expect([
      await rowsOf('supervised_devices', 'closed'),
      await rowsOf('supervision_counts', 'closed'),
    ]).toEqual([0, 1]);
    expect(await rowsOf('supervised_devices', 'open')).toBe(1);
    await assertSupervisedKept(database, tenantId, 'open');
    expect((await refused(assertSupervisedKept(database, tenantId, 'closed'))).code).toBe('no-longer-kept');
  });
});
