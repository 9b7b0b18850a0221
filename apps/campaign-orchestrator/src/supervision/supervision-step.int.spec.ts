import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import { createEventStore, openDatabase, type Database } from '@muster/event-store';
import { Steps } from '@muster/jobs';
import { testDatabase, type TestDatabase } from '@muster/testing';
import { migrate } from '../app.module.js';
import { ENGINE } from '../campaign/engine.decider.js';
import type { DeviceWatch } from '../target/device-watch.js';
import type { CampaignDevices } from '../target/target-devices.js';
import { findSupervision, supervisionList } from './supervision-list.projection.js';
import { SUPERVISION_STEP, supervisionStep } from './supervision-step.js';
import { supervision, type SupervisionCommand } from './supervision.decider.js';
import { SupervisedDevices } from './supervised-devices.js';

const tenantId = 'default';

let server: TestDatabase;
let database: Database;
let looked: string[] = [];
let nth = 0;

beforeAll(async () => {
  server = await testDatabase({ name: 'campaign-orchestrator', migrate });
  database = openDatabase({ url: server.url, schema: 'campaign_orchestrator', poolSize: 2, name: 'spec' });
}, 30_000);

afterAll(async () => {
  await database.close();
  await server.drop();
});

beforeEach(() => {
  looked = [];
});

/** The supervision of a campaign, opened at that time, with one device; and a step of it. Returns when it is set again. */
const runStep = async ({
  openedAt,
  phase,
}: {
  readonly openedAt: number;
  readonly phase: string;
}): Promise<Date | undefined> => {
  nth += 1;
  const [id, campaignId, at] = [`s${nth}`, `c${nth}`, new Date(openedAt).toISOString()];
  const store = createEventStore(database, { projections: [supervisionList] });
  const devices = new SupervisedDevices(database, store);
  const steps = new Steps(database);
  const execute = (command: SupervisionCommand) =>
    store.execute(supervision, { tenantId, id, command, metadata: { actor: ENGINE } });
  await execute({
    ...{ type: 'OpenSupervision', name: 'n', campaignId, target: null, configurations: { mode: 'eco' } },
    ...{ expectedStates: {}, expectedFrom: 'any', by: ENGINE, at },
  });
  await database.transaction((tx) =>
    devices.add(tx, { tenantId, supervisionId: id }, [{ id: `d${nth}`, name: 'n', interface: 'mqtt' }]),
  );
  await execute({ type: 'ResolveSupervision', total: 1, by: ENGINE, at });
  await database.query({
    text: `INSERT INTO campaign_phases (tenant_id, campaign_id, phase, since, version) VALUES ($1, $2, $3, now(), 1)`,
    values: [tenantId, campaignId, phase],
  });
  const watch = {
    look: async (_tenantId: string, deviceIds: readonly string[]) => {
      looked.push(...deviceIds);
      await database.query('UPDATE supervised_devices SET since = now()');
    },
  } as unknown as DeviceWatch;
  const targets = undefined as unknown as CampaignDevices; // a campaign's supervision has its devices
  await supervisionStep({ database, store, steps, targets, watch, devices })({
    tenantId,
    name: SUPERVISION_STEP,
    key: id,
  });
  const { rows } = await database.query<{ at: Date }>('SELECT at FROM steps WHERE key = $1', [id]);
  return rows[0]?.at;
};

describe('the step of a supervision', () => {
  it('leaves devices to their campaign while that writes them, and comes again soon', async () => {
    const at = await runStep({ openedAt: Date.now(), phase: 'dispatching' });
    expect(looked).toEqual([]);
    expect(at?.getTime()).toBeGreaterThan(Date.now());
  });

  it('looks at devices that nobody writes', async () => {
    expect(await runStep({ openedAt: Date.now(), phase: 'awaiting_operator' })).toBeUndefined();
    expect(looked).toEqual([`d${nth}`]);
  });

  it('does not wait for a campaign that takes its time', async () => {
    expect(await runStep({ openedAt: Date.now() - 130_000, phase: 'dispatching' })).toBeUndefined();
    expect(looked).toEqual([`d${nth}`]);
  });

  it('says what keeps it from finding its devices, until they are found', async () => {
    const id = 'waits';
    const store = createEventStore(database, { projections: [supervisionList] });
    const at = new Date().toISOString();
    await store.execute(supervision, {
      ...{ tenantId, id, metadata: { actor: ENGINE } },
      command: {
        ...{ type: 'OpenSupervision', name: 'n', campaignId: null, target: { filter: 'name==x' } },
        ...{ configurations: { mode: 'eco' }, expectedStates: {}, expectedFrom: 'any', by: ENGINE, at },
      },
    });
    let isAway = true;
    const targets = {
      catchUp: () =>
        isAway ? Promise.reject(new AppError('unavailable', 'The registry is away.')) : Promise.resolve(),
      page: () =>
        Promise.resolve({ devices: [{ id: 'd', name: 'n', interface: 'mqtt' }], missing: [], next: null }),
    } as unknown as CampaignDevices;
    const watch = undefined as unknown as DeviceWatch; // of devices that are known
    const devices = new SupervisedDevices(database, store);
    const steps = new Steps(database);
    const step = () =>
      supervisionStep({ database, store, steps, targets, watch, devices })({
        ...{ tenantId, name: SUPERVISION_STEP, key: id },
      });
    await expect(step()).rejects.toMatchObject({ code: 'unavailable' });
    expect(await findSupervision(database, tenantId, id)).toMatchObject({
      status: 'resolving',
      error: { code: 'unavailable', detail: 'It cannot go on at the moment: The registry is away.' },
    });
    isAway = false;
    await step();
    const found = await findSupervision(database, tenantId, id);
    expect(found).toMatchObject({ status: 'open', total: 1 });
    expect(found).not.toHaveProperty('error');
  });
});
