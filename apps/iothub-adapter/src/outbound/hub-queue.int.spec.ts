import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { openDatabase, type Database } from '@muster/event-store';
import { testDatabase, type TestDatabase } from '@muster/testing';
import { migrate } from '../app.module.js';
import { HubBudget } from '../hub/hub-budget.js';
import { forgetHub } from '../hub/hub-tables.js';
import type { StoredHub } from '../hub/hubs.projection.js';
import { OwedOffers } from './owed-offers.js';

/** 50 changes of twins a second, and a burst of as many. */
const hub = { id: 'h1', tier: 'S1', units: 1 } as StoredHub;
const PER_SECOND = 50;
const wide = { hub: { ...hub, units: 12 }, perSecond: 20 };
const fresh = { isQueued: false };
const device = (deviceId: string) => ({ tenantId: 'default', deviceId, extension: 'cmx' });

let server: TestDatabase;
let database: Database;
let budget: HubBudget;
let owed: OwedOffers;

beforeAll(async () => {
  server = await testDatabase({ name: 'iothub-adapter', migrate });
  database = openDatabase({ url: server.url, schema: 'iothub_adapter', poolSize: 4, name: 'spec' });
  await database.query(
    `INSERT INTO hubs (tenant_id, id, name, host_name, settings, version, created_at, created_by)
     VALUES ('default', 'h1', 'factory', 'factory', '{}', 1, now(), '{}')`,
  );
}, 30_000);

afterAll(async () => {
  await database.close();
  await server.drop();
});

beforeEach(async () => {
  await database.query('DELETE FROM hub_budgets');
  await database.query('DELETE FROM hub_owed_offers');
  budget = new HubBudget(database);
  owed = new OwedOffers(database);
});

const exhaust = (seconds: number) => budget.drain(hub, 'twin-updates', seconds);

/** As if so many seconds had passed. */
const pass = async (seconds: number) => {
  await database.query(
    `UPDATE hub_budgets SET at = at - $1 * interval '1 second', queue_ends_at = queue_ends_at - $1 * interval '1 second'`,
    [seconds],
  );
  await database.query(`UPDATE hub_owed_offers SET due_at = due_at - $1 * interval '1 second'`, [seconds]);
};

describe("a place in a hub's throttle", () => {
  it('is given to as many at once as it allows, for all replicas together, to others within a second, and to nobody later', async () => {
    const replica = new HubBudget(database);
    const startedAt = Date.now();
    const asked = Array.from({ length: 3 * wide.perSecond }, (_none, nth) =>
      (nth % 2 === 0 ? budget : replica).reserve(wide.hub, 'identities', fresh),
    );
    const waits = await Promise.all(asked);
    // While they ask, more is allowed.
    const more = Math.ceil(((Date.now() - startedAt) / 1_000) * wide.perSecond);
    const granted = waits.filter((wait) => wait !== undefined).sort((one, other) => one - other);
    expect(granted.length).toBeGreaterThanOrEqual(2 * wide.perSecond);
    expect(granted.length).toBeLessThanOrEqual(2 * wide.perSecond + more);
    expect(granted.slice(0, wide.perSecond).every((wait) => wait === 0)).toBe(true);
    expect(granted.at(-1)).toBeLessThanOrEqual(1_000);
  });

  it('that was not needed is given to another', async () => {
    // As if more than a second's worth were spent beforehand.
    await budget.reserve(hub, 'twin-updates', fresh);
    await database.query('UPDATE hub_budgets SET tokens = $1, at = now()', [-PER_SECOND - 10]);
    expect(await budget.reserve(hub, 'twin-updates', fresh)).toBeUndefined();
    for (let nth = 0; nth < 11; nth += 1) await budget.giveBack(hub, 'twin-updates');
    expect(await budget.reserve(hub, 'twin-updates', fresh)).toBeDefined();
  });

  it('is given to nobody while the hub has told to wait', async () => {
    await exhaust(30);
    expect(await budget.reserve(hub, 'twin-updates', { isQueued: true })).toBeUndefined();
    expect(await budget.reserve(hub, 'twin-reads', fresh)).toBe(0);
  });

  it('is not given to somebody new while others are queued', async () => {
    await exhaust(30);
    await owed.queue(device('d1'), hub, 'twin-updates');
    // There is enough again, and the turn of the first is just about to come.
    await database.query("UPDATE hub_budgets SET at = now() - interval '1 minute', tokens = 10");
    expect(await budget.reserve(hub, 'twin-updates', fresh)).toBeUndefined();
    expect(await budget.reserve(hub, 'twin-updates', { isQueued: true })).toBe(0);
    await pass(60);
    expect(await budget.reserve(hub, 'twin-updates', fresh)).toBe(0);
  });
});

describe('the queue of a hub', () => {
  it('gives turns as often as its throttle allows, and tells how many wait until when', async () => {
    await exhaust(30);
    const startedAt = Date.now();
    for (let nth = 0; nth < PER_SECOND; nth += 1) await owed.queue(device(`d${nth}`), hub, 'twin-updates');
    const [limited, ...others] = await owed.limited('default', undefined);
    expect(others).toEqual([]);
    expect(limited).toMatchObject({ id: 'h1', name: 'factory', waiting: PER_SECOND });
    // 30 seconds that the hub has told, and one for 50 turns.
    const seconds = (Date.parse(limited?.until ?? '') - startedAt) / 1_000;
    expect(seconds).toBeGreaterThan(30.9);
    expect(seconds).toBeLessThan(32);
    expect(await owed.limited('default', ['d7'])).toHaveLength(1);
    expect(await owed.limited('default', ['of another hub'])).toEqual([]);
    expect(await owed.limited('other tenant', undefined)).toEqual([]);
  });

  it('keeps the turn of who is in it already', async () => {
    await exhaust(30);
    await owed.queue(device('d1'), hub, 'twin-updates');
    await owed.queue(device('d2'), hub, 'twin-updates');
    const before = await owed.limited('default', undefined);
    await owed.queue(device('d1'), hub, 'twin-updates');
    expect(await owed.limited('default', undefined)).toEqual(before);
  });

  it('is gone through in its order, each by one replica; who could not be told even then is queued anew', async () => {
    await exhaust(30);
    await owed.queue(device('d1'), hub, 'twin-updates');
    await owed.queue(device('d2'), hub, 'twin-updates');
    expect(await owed.claim()).toEqual([]);
    await pass(60);
    const [debts, ofOther] = [await owed.claim(), await new OwedOffers(database).claim()];
    expect(debts.map(({ deviceId }) => deviceId).sort()).toEqual(['d1', 'd2']);
    expect(ofOther).toEqual([]);
    for (const debt of debts) {
      await owed.pay(debt, async () => {
        expect(owed.isOffering(debt)).toBe(true);
        if (debt.deviceId === 'd1') await owed.queue(device('d1'), hub, 'twin-updates');
      });
    }
    expect(owed.isOffering(device('d1'))).toBe(false);
    expect(await owed.limited('default', undefined)).toMatchObject([{ waiting: 1 }]);
    const { rows } = await database.query('SELECT device_id FROM hub_owed_offers');
    expect(rows).toEqual([{ device_id: 'd1' }]);
  });

  it('has who is queued by the offer of one turn, and whose next turn comes before that offer ends', async () => {
    await exhaust(1);
    await owed.queue(device('d1'), hub, 'twin-updates');
    await pass(60);
    const [first] = await owed.claim();
    if (first === undefined) throw new Error('nobody had his turn');
    await owed.queue(device('d1'), hub, 'twin-updates');
    await pass(60);
    const [second] = await owed.claim();
    if (second === undefined) throw new Error('nobody had his next turn');
    await owed.pay(second, async () => {
      await owed.pay(first, () => Promise.resolve());
      // Of the second offer, which is still under way.
      expect(owed.isOffering(device('d1'))).toBe(true);
      await owed.queue(device('d1'), hub, 'twin-updates');
    });
    expect(await owed.limited('default', undefined)).toMatchObject([{ waiting: 1 }]);
  });

  it('is not passed by who could not be offered anything in his turn, and is offered it again', async () => {
    await exhaust(1);
    await owed.queue(device('d1'), hub, 'twin-updates');
    await pass(60);
    const [debt] = await owed.claim();
    if (debt === undefined) throw new Error('nobody had his turn');
    await expect(owed.pay(debt, () => Promise.reject(new Error('a service is away')))).rejects.toThrow(
      'away',
    );
    expect(owed.isOffering(debt)).toBe(false);
    await pass(600);
    expect(await owed.claim()).toMatchObject([{ deviceId: 'd1' }]);
  });

  it('is there for a class of which nobody has asked anything yet', async () => {
    await owed.queue(device('d1'), hub, 'twin-updates');
    await owed.queue(device('d2'), hub, 'twin-updates');
    await owed.queue({ ...device('d3'), extension: 'cex' }, hub, 'twin-updates');
    // A command waits there too, and is no document.
    expect(await owed.limited('default', undefined)).toMatchObject([{ id: 'h1', waiting: 2 }]);
    expect(await owed.limited('default', ['d3'])).toEqual([]);
    await pass(1);
    expect(await owed.claim()).toHaveLength(3);
    // The places themselves are all there.
    expect(await budget.take(hub, 'twin-updates', 100)).toBe(PER_SECOND);
  });

  it('is left by who then meets a hub that is away, which is no matter of its throttle', async () => {
    await exhaust(30);
    await owed.queue(device('d1'), hub, 'twin-updates');
    await owed.owe(device('d1'));
    expect(await owed.limited('default', undefined)).toEqual([]);
    // When that hub is removed, what another one is owed stays.
    await forgetHub(database, hub.id);
    const { rows } = await database.query('SELECT device_id, hub_id FROM hub_owed_offers');
    expect(rows).toEqual([{ device_id: 'd1', hub_id: null }]);
  });
});
