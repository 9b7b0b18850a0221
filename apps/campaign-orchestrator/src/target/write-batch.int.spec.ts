import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import { changeDesiredMany, reofferMany } from '@muster/contracts/configuration/campaign.requests';
import { openDatabase, type Database } from '@muster/event-store';
import { Steps } from '@muster/jobs';
import type { Bus } from '@muster/messaging';
import { testDatabase, type TestDatabase } from '@muster/testing';
import { migrate } from '../app.module.js';
import { TargetFollower, type DeviceWatch } from './device-watch.js';
import { Launches, type LaunchRow } from './launches.js';
import { TargetChanges } from './target-rows.js';
import { BatchWriter } from './write-batch.js';

const REF = { tenantId: 'default', campaignId: 'c1', launchId: 'l1' };
const WANTS = {
  ...{ campaignId: 'c1', values: { mode: 'eco' }, expectedStates: {}, expectedFrom: 'any' as const },
  ...{ deadlineSeconds: 60, retries: { max: 0, firstAfterSeconds: 1 }, revertOf: null },
};

let server: TestDatabase;
let database: Database;
let launches: Launches;
let written: string[][] = [];
let looked: string[] = [];
let looks: () => Promise<void> = () => Promise.resolve();
/** Devices whose documents are due when they are written. */
let due: ReadonlySet<string> = new Set();
/** Before `configuration` answers. */
let meanwhile: () => Promise<unknown> = () => Promise.resolve();

beforeAll(async () => {
  server = await testDatabase({ name: 'campaign-orchestrator', migrate });
  database = openDatabase({ url: server.url, schema: 'campaign_orchestrator', poolSize: 4, name: 'spec' });
  launches = new Launches(database);
}, 30_000);

afterAll(async () => {
  await database.close();
  await server.drop();
});

beforeEach(async () => {
  written = [];
  looked = [];
  looks = () => Promise.resolve();
  due = new Set();
  meanwhile = () => Promise.resolve();
  await database.query(
    'TRUNCATE campaign_targets, campaign_launches, campaign_writes, campaign_counters, steps',
  );
  await database.transaction((tx) =>
    launches.begin(tx, REF.tenantId, REF.launchId, { wants: WANTS, keys: ['mode'] }),
  );
  await database.query(`UPDATE campaign_launches SET cursor = '{"part": "done"}'`);
});

/** The other ends of a writer: `configuration`, which writes whatever it is asked to, and who looks at devices. */
const writer = (): BatchWriter => {
  const bus = {
    request: async (contract: object, { deviceIds }: { readonly deviceIds: readonly string[] }) => {
      if (contract === reofferMany) return { outcomes: deviceIds.map(() => ({})) };
      if (contract !== changeDesiredMany) throw new Error('nothing else is asked');
      written.push([...deviceIds]);
      await meanwhile();
      const previous = { mode: 'day' };
      return {
        outcomes: deviceIds.map((deviceId) => ({
          ...{ deviceId, changed: true, version: 1, configId: 'c', previous },
          ...(due.has(deviceId) ? { due: true } : {}),
        })),
      };
    },
  } as unknown as Pick<Bus, 'request'>;
  const watch = {
    look: async (_tenantId: string, deviceIds: readonly string[]) => {
      await looks();
      looked.push(...deviceIds);
    },
  } as unknown as DeviceWatch;
  const changes = new TargetChanges(new Steps(database));
  return new BatchWriter({ database, bus, launches, changes, watch, tenantRatePerMinute: 1_000_000 });
};

const row = async (): Promise<LaunchRow> => {
  const found = await launches.read(REF.tenantId, REF.launchId);
  if (found === undefined) throw new Error('there is a launch');
  return found;
};

const addTargets = (count: number) =>
  database.query({
    text: `INSERT INTO campaign_targets (tenant_id, launch_id, device_id, campaign_id, batch, place, status, name,
             device_type, app_version, interface)
           SELECT 'default', 'l1', 'd' || to_char($1 - n, 'FM0000'), 'c1', 1, n, 'planned', 'n', 't', 't-v1', 'mqtt'
           FROM generate_series(1, $1::integer) AS n`,
    values: [count],
  });

const stand = async (): Promise<{ readonly writes: number; readonly byStatus: Record<string, number> }> => {
  const { rows } = await database.query<{ status: string; n: number }>(
    `SELECT status || CASE WHEN operation IS NULL THEN '' ELSE ', handed over' END AS status, count(*)::integer AS n
     FROM campaign_targets GROUP BY 1`,
  );
  const { rowCount } = await database.query('SELECT FROM campaign_writes');
  return { writes: rowCount ?? 0, byStatus: Object.fromEntries(rows.map(({ status, n }) => [status, n])) };
};

/** What campaigns do when something is heard of a device; it says nothing new of it. Then who is to be looked at again. */
const beginToLookAt = async (deviceId: string): Promise<() => Promise<readonly string[]>> => {
  const follower = new TargetFollower({
    database,
    launches,
    changes: new TargetChanges(new Steps(database)),
  });
  const followed = await follower.find(REF.tenantId, [deviceId]);
  if (followed === undefined) throw new Error('the device is followed');
  const state = {
    deviceId,
    ended: false,
    version: 2,
    configId: 'c',
    desired: {},
    withdrawn: {},
    reported: {},
  };
  return () => followed.judge(new Map([[deviceId, state]]));
};
const lookAt = async (deviceId: string): Promise<readonly string[]> => (await beginToLookAt(deviceId))();

const WRITE = { batch: 1, most: 10_000, ratePerMinute: 1_000_000 };

describe('writing a batch', () => {
  it('takes the next devices in their turn, and looks at them when they are written', async () => {
    await addTargets(700);
    await writer().write(REF, await row(), { ...WRITE, most: 500 });
    expect(written.map((ids) => ids.length)).toEqual([500]);
    expect(new Set(written[0])).toEqual(
      new Set(Array.from({ length: 500 }, (_none, n) => `d${String(699 - n).padStart(4, '0')}`)),
    );
    expect(new Set(looked)).toEqual(new Set(written[0]));
    expect(await stand()).toEqual({ writes: 0, byStatus: { written: 500, planned: 200 } });
  });

  it('writes more than one portion at the same time, and never more devices than it may', async () => {
    await addTargets(2_000);
    await writer().write(REF, await row(), { ...WRITE, most: 1_200 });
    expect(written.map((ids) => ids.length)).toEqual([500, 500, 200]);
    expect(await stand()).toEqual({ writes: 0, byStatus: { written: 1_200, planned: 800 } });
  });

  it('leaves devices to the look that comes when they have been sent their document, but not those that fetch it', async () => {
    await addTargets(4);
    await database.query(`UPDATE campaign_targets SET interface = 'http' WHERE device_id = 'd0001'`);
    due = new Set(['d0000', 'd0001', 'd0002']);
    await writer().write(REF, await row(), WRITE);
    expect(new Set(looked)).toEqual(new Set(['d0001', 'd0003']));
    expect(await stand()).toEqual({ writes: 0, byStatus: { written: 4 } });
  });

  it('looks at a device of which something was heard while its answer was awaited', async () => {
    await addTargets(3);
    due = new Set(['d0000', 'd0001', 'd0002']);
    let left: readonly string[] = [];
    meanwhile = async () => {
      left = await lookAt('d0001');
    };
    await writer().write(REF, await row(), WRITE);
    expect(looked).toEqual(['d0001']);
    expect(left).toEqual([]);
    expect(await stand()).toEqual({ writes: 0, byStatus: { written: 3 } });
  });

  it('is not missed by a look that began before the answer was recorded and ends after it', async () => {
    await addTargets(1);
    due = new Set(['d0000']);
    let end: () => Promise<readonly string[]> = () => Promise.resolve([]);
    meanwhile = async () => {
      end = await beginToLookAt('d0000');
    };
    await writer().write(REF, await row(), WRITE);
    expect(looked).toEqual([]);
    expect(await end()).toEqual(['d0000']);
  });

  it('leaves nothing under way when one portion fails', async () => {
    await addTargets(1_000);
    let asked = 0;
    looks = () => ((asked += 1) === 1 ? Promise.reject(new Error('a bug')) : Promise.resolve());
    await expect(writer().write(REF, await row(), WRITE)).rejects.toThrow('a bug');
    expect(await stand()).toEqual({ writes: 1, byStatus: { written: 1_000 } });
  });

  it('gives no device to two that write at the same time', async () => {
    await addTargets(900);
    const launch = await row();
    await Promise.all([writer().write(REF, launch, WRITE), writer().write(REF, launch, WRITE)]);
    await writer().write(REF, launch, WRITE);
    expect(written.flat()).toHaveLength(900);
    expect(new Set(written.flat()).size).toBe(900);
    expect(await stand()).toEqual({ writes: 0, byStatus: { written: 900 } });
  });

  it('looks again after a look that did not succeed, and writes nothing twice', async () => {
    await addTargets(3);
    looks = () => Promise.reject(new AppError('unavailable', 'configuration cannot be asked right now.'));
    await writer().write(REF, await row(), WRITE);
    expect(await stand()).toEqual({ writes: 1, byStatus: { written: 3 } });
    expect((await row()).away?.detail).toMatch(/configuration cannot be asked/);
    looks = () => Promise.resolve();
    await writer().finish(REF, await row());
    expect(looked).toHaveLength(3);
    expect(written).toHaveLength(1);
    expect(await stand()).toEqual({ writes: 0, byStatus: { written: 3 } });
  });

  it('goes on after a process that died before it wrote, and looks at whatever was heard meanwhile', async () => {
    await addTargets(2);
    due = new Set(['d0000', 'd0001']);
    await database.query(`UPDATE campaign_targets SET operation = 'campaign:l1:o1'`);
    await database.query(
      `INSERT INTO campaign_writes (tenant_id, launch_id, operation, kind, device_ids)
       VALUES ('default', 'l1', 'campaign:l1:o1', 'write', '{d0000,d0001}')`,
    );
    await writer().finish(REF, await row());
    expect(written).toEqual([['d0000', 'd0001']]);
    expect(new Set(looked)).toEqual(new Set(['d0000', 'd0001']));
    expect(await stand()).toEqual({ writes: 0, byStatus: { written: 2 } });
  });

  it('knows of a device that another campaign took meanwhile what was there before, and leaves it to that one', async () => {
    await addTargets(2);
    const taken = (where: string): Promise<unknown> =>
      database.query(
        `UPDATE campaign_targets SET status = 'superseded', revision = revision + 1, reason = '{"code": "x", "origin": "campaign"}'
         WHERE ${where}`,
      );
    meanwhile = () => taken(`device_id = 'd0000'`);
    await writer().write(REF, await row(), WRITE);
    expect(await stand()).toEqual({ writes: 0, byStatus: { superseded: 1, written: 1 } });
    const { rows } = await database.query(
      `SELECT previous FROM campaign_targets WHERE status = 'superseded' AND written_at IS NOT NULL`,
    );
    expect(rows).toEqual([{ previous: { mode: 'day' } }]);
    // The same of one whose answer was lost with its process, and of one that is only offered again.
    for (const kind of ['write', 'offer']) {
      await database.query(`UPDATE campaign_targets SET operation = 'campaign:l1:o1'`);
      await database.query(
        `INSERT INTO campaign_writes (tenant_id, launch_id, operation, kind, device_ids)
         VALUES ('default', 'l1', 'campaign:l1:o1', '${kind}', '{d0000,d0001}')`,
      );
      await taken('true');
      await writer().finish(REF, await row());
      expect(await stand()).toEqual({ writes: 0, byStatus: { superseded: 2 } });
    }
  });
});
