import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { openDatabase, type Database } from '@muster/event-store';
import { testDatabase, type TestDatabase } from '@muster/testing';
import { migrate } from '../app.module.js';
import { Points } from './points.js';

const MOST = 20;

let server: TestDatabase;
let database: Database;

beforeAll(async () => {
  server = await testDatabase({ name: 'campaign-orchestrator', migrate });
  database = openDatabase({ url: server.url, schema: 'campaign_orchestrator', poolSize: 2, name: 'spec' });
}, 30_000);

afterAll(async () => {
  await database.close();
  await server.drop();
});

beforeEach(async () => {
  await database.query('DELETE FROM campaign_points');
});

/** Minutes from the beginning at which there is a point. */
const minutes = async (): Promise<number[]> => {
  const { rows } = await database.query<{ n: number }>(
    `SELECT (counts->>'planned')::integer AS n FROM campaign_points
     WHERE tenant_id = 'default' AND launch_id = 'l1' ORDER BY at`,
  );
  return rows.map(({ n }) => n);
};

/** As if a minute had passed. */
const age = () =>
  database.query("UPDATE campaign_points SET at = at - interval '61 seconds' WHERE launch_id = 'l1'");

it('is kept once a minute, and not where nothing has changed', async () => {
  const points = new Points(database, MOST);
  await points.record('default', 'l1', { planned: 1 });
  await points.record('default', 'l1', { planned: 2 });
  expect(await minutes()).toEqual([1]);
  await age();
  await points.record('default', 'l1', { planned: 1 });
  await points.record('default', 'l1', { planned: 3 });
  expect(await minutes()).toEqual([1, 3]);
  await age();
  await points.record('default', 'l1', { planned: 1 });
  expect(await minutes()).toEqual([1, 3, 1]);
});

it.each([MOST, MOST + 1])(
  'has never more than %i rows, of the whole time, and closer together the younger they are',
  async (most) => {
    const points = new Points(database, most);
    for (let minute = 0; minute < 200; minute += 1) {
      // Another campaign has its points at the very same times.
      await database.query("DELETE FROM campaign_points WHERE launch_id = 'other'");
      const { rowCount: others } = await database.query(
        `INSERT INTO campaign_points (tenant_id, launch_id, at, counts)
         SELECT tenant_id, 'other', at, counts FROM campaign_points WHERE launch_id = 'l1'`,
      );
      await points.record('default', 'l1', { planned: minute });
      const kept = await minutes();
      expect(kept.length).toBeLessThanOrEqual(most);
      expect([kept[0], kept.at(-1)]).toEqual([0, minute]);
      const { rowCount } = await database.query("SELECT FROM campaign_points WHERE launch_id = 'other'");
      expect(rowCount).toBe(others);
      await age();
    }
    const kept = await minutes();
    expect(kept.length).toBeGreaterThan(most / 2);
    const gaps = kept.slice(1).map((minute, nth) => minute - (kept[nth] ?? 0));
    expect(gaps[0]).toBeGreaterThan(gaps.at(-1) ?? Infinity);
  },
);
