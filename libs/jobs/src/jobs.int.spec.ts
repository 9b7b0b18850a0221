import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AppError, newId } from '@muster/contracts';
import { eventually, testDatabase, type TestDatabase } from '@muster/testing';
import pg from 'pg';
import { job, type JobKind, type JobWorkers } from './index.js';
import { forgetEndedJobs } from './job-upkeep.js';
import type { JobStanding } from './job.events.js';
import { migrateWorks, openWorks, startWorkers, write, type Works } from './jobs.fixture.js';
import { workerSchema } from './worker-schema.js';

const tenantId = 'default';
const actor = { kind: 'user', id: 'u1' } as const;

let server: TestDatabase;
let works: Works;
let running: JobWorkers[] = [];
let children: ChildProcess[] = [];

beforeAll(async () => {
  server = await testDatabase({ name: 'jobs', migrate: migrateWorks });
  works = openWorks(server.url);
  await works.database.query('CREATE TABLE go ()');
});

beforeEach(async () => {
  await works.database.query('DELETE FROM go');
});

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await Promise.all(running.map((workers) => workers.stop()));
  children = [];
  running = [];
});

afterAll(async () => {
  await works.database.close();
  await server.drop();
});

const start = (kind: string, items?: readonly string[]): Promise<string> =>
  works.database.transaction((tx) =>
    works.jobs.start(tx, {
      tenantId,
      kind,
      params: { a: 1 },
      actor,
      ...(items === undefined ? {} : { items }),
    }),
  );
const work = (kinds: readonly JobKind[] = [write], concurrency = 2): JobWorkers => {
  const workers = startWorkers(works, kinds, concurrency);
  running.push(workers);
  return workers;
};
const itemsOf = (count: number): string[] => Array.from({ length: count }, (_none, nth) => `item-${nth}`);
const standing = async (jobId: string): Promise<JobStanding> => {
  const { state } = await works.store.load(job, tenantId, jobId);
  if (state.standing === null) throw new Error('no such job');
  return state.standing;
};
const ended = (jobId: string): Promise<JobStanding> =>
  eventually(
    async () => {
      const now = await standing(jobId);
      if (now.endedAt === undefined) throw new Error(JSON.stringify(now));
      return now;
    },
    { deadlineMs: 20_000, what: 'the job has ended' },
  );
const effects = async (jobId: string): Promise<string[]> => {
  const { rows } = await works.database.query<{ item: string }>(
    'SELECT item FROM effects WHERE job_id = $1 ORDER BY nth',
    [jobId],
  );
  return rows.map(({ item }) => item);
};
const eventsOf = (jobId: string) => works.store.readStream(tenantId, job, jobId);

describe('a job', () => {
  it('does every item once and tells of every chunk', async () => {
    const items = itemsOf(1_750);
    const jobId = await start('write', items);
    work();
    expect(await ended(jobId)).toMatchObject({ status: 'success', total: 1_750, done: 1_750, failed: 0 });
    expect((await effects(jobId)).sort()).toEqual([...items].sort());
    const events = await eventsOf(jobId);
    expect(events.map(({ type }) => type)).toEqual([
      'JobCreated',
      'JobPlanned',
      ...Array.from({ length: 4 }, () => 'JobProgressed'),
      'JobEnded',
    ]);
    expect(events.every(({ metadata }) => metadata.actor.id === 'u1')).toBe(true);
  });

  it('does nothing that was not committed', async () => {
    let jobId = '';
    const failed = works.database.transaction(async (tx) => {
      jobId = await works.jobs.start(tx, { tenantId, kind: 'write', params: {}, actor, items: ['a'] });
      throw new AppError('not-allowed', 'Changed my mind.');
    });
    await expect(failed).rejects.toThrow('Changed my mind.');
    const next = await start('write', ['b']);
    work();
    await ended(next);
    expect((await eventsOf(jobId)).length + (await effects(jobId)).length).toBe(0);
  });

  it('ends at once without items', async () => {
    work();
    expect(await ended(await start('write', []))).toMatchObject({ status: 'success', total: 0 });
  });

  it('is planned page by page before the first item is done', async () => {
    const asked: (string | null)[] = [];
    const doneWhileAsking: number[] = [];
    const paging: JobKind = {
      ...write,
      plan: async ({ jobId, params }, cursor) => {
        expect(params).toEqual({ a: 1 });
        asked.push(cursor);
        doneWhileAsking.push((await effects(jobId)).length);
        const page = cursor === null ? 0 : Number(cursor);
        return {
          items: itemsOf(700).map((item) => `${page}-${item}`),
          next: page === 2 ? null : String(page + 1),
        };
      },
    };
    work([paging]);
    const jobId = await start('write');
    expect(await ended(jobId)).toMatchObject({ status: 'success', total: 2_100, done: 2_100 });
    expect(asked).toEqual([null, '1', '2']);
    expect(doneWhileAsking).toEqual([0, 0, 0]);
    expect(new Set(await effects(jobId)).size).toBe(2_100);
  });

  it('has an error for each item that cannot be done, and is failed', async () => {
    const picky: JobKind = {
      ...write,
      run: async (tx, of, items) => {
        await write.run(tx, of, items);
        return items.map((item) =>
          item === 'item-7' ? { code: 'device-not-found', detail: 'No such device.' } : {},
        );
      },
    };
    work([picky]);
    const jobId = await start('write', itemsOf(600));
    expect(await ended(jobId)).toMatchObject({ status: 'failed', done: 600, failed: 1 });
    const errors = (await eventsOf(jobId)).flatMap((event) =>
      event.type === 'JobProgressed' ? event.data.errors : [],
    );
    expect(errors).toEqual([{ item: 'item-7', code: 'device-not-found', detail: 'No such device.' }]);
  });

  it('does not wait for the whole of a larger one', async () => {
    const order: string[] = [];
    let small = '';
    const noting: JobKind = {
      ...write,
      run: async (tx, of, items) => {
        order.push(of.jobId);
        if (order.length === 1) small = await start('write', ['a']);
        return write.run(tx, of, items);
      },
    };
    const large = await start('write', itemsOf(5_000));
    work([noting], 1);
    await ended(large);
    expect((await standing(small)).status).toBe('success');
    expect(order.indexOf(small)).toBeLessThan(4);
  });
});

describe('jobs in order', () => {
  const gates = new Map<string, () => void>();
  /** Each item waits for its gate. */
  const gated = (items: readonly string[]): Promise<void> =>
    items[0]?.startsWith('gated') === true
      ? new Promise<void>((resolve) => gates.set(items[0] ?? '', resolve))
      : Promise.resolve();
  const inOrder: JobKind = {
    ...write,
    kind: 'in-order',
    inOrder: true,
    prepare: (_job, items) => gated(items),
  };
  const open = (item: string): Promise<void> =>
    eventually(() => gates.get(item), { what: `${item} is in hand` }).then((go) => go());
  let own: Works;
  const startOne = (item: string): Promise<string> =>
    own.database.transaction((tx) =>
      own.jobs.start(tx, { tenantId, kind: 'in-order', params: {}, actor, items: [item] }),
    );
  const waitsFor = (jobId: string, before: string) =>
    eventually(
      async () => {
        const { status, reason } = await standing(jobId);
        return status === 'waiting' && reason?.jobId === before && reason;
      },
      { what: 'it waits for the one before' },
    );

  beforeEach(() => {
    own = openWorks(server.url, 'works', [inOrder]);
    gates.clear();
  });
  afterEach(async () => {
    await own.database.close();
  });

  it('begin when the one before has ended, and say for which they wait and since when', async () => {
    const [first, second] = [await startOne('gated 1'), await startOne('2')];
    const other = await start('write', ['other']);
    work([write, inOrder]);
    await ended(other);
    expect(await waitsFor(second, first)).toEqual({
      code: 'job-before',
      detail: `Waits for job ${first}, which was asked for before it.`,
      jobId: first,
      since: expect.stringMatching(/Z$/) as unknown,
    });
    expect(await effects(second)).toEqual([]);
    await open('gated 1');
    const [before, after] = [await ended(first), await ended(second)];
    expect([before.status, after.status]).toEqual(['success', 'success']);
    expect(after.reason).toBeUndefined();
    expect((after.startedAt ?? '') >= (before.endedAt ?? '')).toBe(true);
  });

  it('are in the order of their commits, whatever the clocks say', async () => {
    const ids = [await startOne('gated 1')];
    const clock = Date.now;
    try {
      // As processes whose clocks differ by hours, each behind the one before: ids carry the time of the process.
      for (const hours of [1, 2, 3]) {
        Date.now = () => clock() - hours * 3_600_000;
        ids.push(await startOne(`${hours}`));
      }
    } finally {
      Date.now = clock;
    }
    work([inOrder]);
    await waitsFor(ids[3] ?? '', ids[2] ?? '');
    await open('gated 1');
    for (const jobId of ids) await ended(jobId);
    const { rows } = await works.database.query<{ item: string }>(
      'SELECT item FROM effects WHERE job_id = ANY($1) ORDER BY nth',
      [ids],
    );
    expect(rows.map(({ item }) => item)).toEqual(['gated 1', '1', '2', '3']);
  });

  it('wait for one whose transaction began before and is committed later', async () => {
    let commit = (): void => undefined;
    const held = new Promise<void>((resolve) => (commit = resolve));
    let early = '';
    const first = own.database.transaction(async (tx) => {
      early = await own.jobs.start(tx, { tenantId, kind: 'in-order', params: {}, actor, items: ['early'] });
      await held;
    });
    await eventually(() => early !== '');
    const second = startOne('late');
    work([inOrder]);
    const admin = new pg.Client({ connectionString: server.url });
    await admin.connect();
    await eventually(
      async () =>
        (
          await admin.query(
            `SELECT 1 FROM pg_stat_activity WHERE query LIKE '%job_lanes%' AND wait_event_type = 'Lock'`,
          )
        ).rowCount !== 0,
      { what: 'the second waits for its place' },
    );
    await admin.end();
    commit();
    await first;
    const late = await second;
    const [before, after] = [await ended(early), await ended(late)];
    expect((after.startedAt ?? '') >= (before.endedAt ?? '')).toBe(true);
  });

  it('go on when one fails for good, or is cancelled while it waits', async () => {
    const failing: JobKind = {
      ...inOrder,
      plan: () => Promise.reject(new AppError('invalid-request', 'There is no such field.')),
    };
    const [gate, refused] = [
      await startOne('gated 1'),
      await own.database.transaction((tx) =>
        own.jobs.start(tx, { tenantId, kind: 'in-order', params: {}, actor }),
      ),
    ];
    const [given, last] = [await startOne('given up'), await startOne('last')];
    work([failing]);
    await waitsFor(last, given);
    await own.jobs.cancel({ tenantId, jobId: given, actor });
    await waitsFor(last, refused);
    await open('gated 1');
    expect((await ended(gate)).status).toBe('success');
    expect((await ended(refused)).status).toBe('failed');
    expect((await ended(last)).status).toBe('success');
    expect((await standing(given)).status).toBe('cancelled');
    expect(await effects(given)).toEqual([]);
  });

  it('go on one after the other when many are started and ended at once', async () => {
    work([inOrder]);
    work([inOrder]);
    const ids = await Promise.all(Array.from({ length: 30 }, (_none, nth) => startOne(`${nth}`)));
    const all = await Promise.all(ids.map(ended));
    expect(all.every(({ status }) => status === 'success')).toBe(true);
    const { rows } = await works.database.query<{ placed: string[]; done: string[] }>(
      `SELECT array_agg(w.job_id ORDER BY w.place) AS placed, array_agg(w.job_id ORDER BY e.nth) AS done
       FROM job_work w JOIN effects e USING (job_id) WHERE w.job_id = ANY($1)`,
      [ids],
    );
    expect(rows[0]?.done).toEqual(rows[0]?.placed);
  }, 30_000);
});

describe('a job that is cancelled', () => {
  const bert = { kind: 'user', id: 'bert' } as const;
  /** The first chunk stays in its transaction until it is let go. */
  const holding = () => {
    let letGo = (): void => undefined;
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    let inHand = 0;
    const kind: JobKind = {
      ...write,
      run: async (tx, of, items) => {
        inHand += 1;
        const outcomes = await write.run(tx, of, items);
        await gate;
        return outcomes;
      },
    };
    return { kind, letGo, inHand: () => eventually(() => inHand > 0, { what: 'a chunk is in hand' }) };
  };

  it('finishes the chunk in hand and begins no other', async () => {
    const { kind, letGo, inHand } = holding();
    const jobId = await start('write', itemsOf(5_000));
    work([kind], 1);
    await inHand();
    const answer = await works.jobs.cancel({ tenantId, jobId, actor: bert });
    expect(answer).toMatchObject({
      jobId,
      status: 'cancelling',
      total: 5_000,
      done: 0,
      actor,
      cancelledBy: bert,
    });
    expect(await works.jobs.cancel({ tenantId, jobId, actor })).toEqual(answer);
    letGo();
    const end = await ended(jobId);
    expect(end).toMatchObject({ status: 'cancelled', total: 5_000, done: 500, failed: 0, cancelledBy: bert });
    expect(await works.jobs.cancel({ tenantId, jobId, actor })).toMatchObject({
      status: 'cancelled',
      done: 500,
    });
    // The tasks of the others are taken, and find nothing to do.
    await eventually(
      async () => (await works.database.query('SELECT 1 FROM works_worker._private_jobs')).rowCount === 0,
    );
    expect(await effects(jobId)).toHaveLength(500);
  });

  it('ends at once when nothing is in hand, also before it was planned', async () => {
    const jobId = await start('write', itemsOf(600));
    const unplanned = await start('write');
    for (const id of [jobId, unplanned])
      expect((await works.jobs.cancel({ tenantId, jobId: id, actor })).status).toBe('cancelled');
    work();
    await ended(await start('write', ['a']));
    expect(await effects(jobId)).toEqual([]);
    expect((await eventsOf(unplanned)).map(({ type }) => type)).toEqual([
      'JobCreated',
      'JobCancelRequested',
      'JobEnded',
    ]);
  });

  it('ends while it waits for something that is away', async () => {
    const needy: JobKind = {
      ...write,
      prepare: () => Promise.reject(new AppError('unavailable', 'The registry is away.')),
    };
    const jobId = await start('write', itemsOf(600));
    work([needy]);
    await eventually(async () => (await standing(jobId)).status === 'waiting');
    await works.jobs.cancel({ tenantId, jobId, actor });
    expect(await ended(jobId)).toMatchObject({ status: 'cancelled', done: 0 });
  });

  it('drops the chunk in hand when it fails', async () => {
    let fail = (): void => undefined;
    const failure = new Promise<never>((_resolve, reject) => {
      fail = () => reject(new AppError('unavailable', 'Gone.'));
    });
    let inHand = false;
    const failing: JobKind = {
      ...write,
      run: () => {
        inHand = true;
        return failure;
      },
    };
    const jobId = await start('write', itemsOf(1_200));
    work([failing], 1);
    await eventually(() => inHand);
    await works.jobs.cancel({ tenantId, jobId, actor });
    fail();
    expect(await ended(jobId)).toMatchObject({ status: 'cancelled', done: 0 });
  });

  it('is no job that has ended, and none that there is not', async () => {
    work();
    const jobId = await start('write', ['a']);
    await ended(jobId);
    const refused = (id: string) =>
      works.jobs.cancel({ tenantId, jobId: id, actor }).catch((error: unknown) => (error as AppError).code);
    expect(await refused(jobId)).toBe('job-finished');
    expect(await refused('nobody')).toBe('job-not-found');
    expect((await standing(jobId)).status).toBe('success');
  });
});

describe('a retry', () => {
  const picky = (bad: ReadonlySet<string>, more: Partial<JobKind> = {}): JobKind => ({
    ...write,
    ...more,
    run: async (tx, of, items) => {
      await write.run(tx, of, items);
      return items.map((item) =>
        bad.has(item) ? { code: 'device-not-found', detail: 'No such device.' } : {},
      );
    },
  });
  const retry = (jobId: string, from: Works = works): Promise<string> =>
    from.database.transaction((tx) => from.jobs.retry(tx, { tenantId, jobId, actor }));
  const refusal = (jobId: string, from: Works = works) =>
    retry(jobId, from).catch((error: unknown) => (error as AppError).code);

  it('does the items that failed, and no others, over many chunks', async () => {
    const items = itemsOf(12_500);
    const bad = new Set(items.filter((_item, nth) => nth % 7 === 0));
    const kinds = [picky(bad)];
    work(kinds);
    const jobId = await start('write', items);
    expect(await ended(jobId)).toMatchObject({ status: 'failed', failed: bad.size });
    expect(await refusal('nobody')).toBe('job-not-found');
    const wanted = [...bad];
    wanted.slice(1).forEach((item) => bad.delete(item));
    const again = await retry(jobId);
    const end = await ended(again);
    expect(end).toMatchObject({ retryOf: jobId, status: 'failed', total: wanted.length, failed: 1 });
    expect((await effects(again)).sort()).toEqual(wanted.sort());
    const last = await retry(again);
    bad.clear();
    expect(await ended(last)).toMatchObject({ retryOf: again, status: 'success', total: 1 });
    expect(await refusal(last)).toBe('job-without-failures');
  }, 30_000);

  it('tries the whole of what failed as a whole', async () => {
    let refuse = true;
    const planning: JobKind = {
      ...write,
      plan: () =>
        refuse
          ? Promise.reject(new AppError('filter-too-slow', 'Too slow.'))
          : Promise.resolve({ items: ['a', 'b'], next: null }),
    };
    work([planning]);
    const jobId = await start('write');
    expect((await ended(jobId)).status).toBe('failed');
    refuse = false;
    expect(await ended(await retry(jobId))).toMatchObject({ status: 'success', total: 2 });
  });

  it('is refused for a job that has not ended, and for a kind that cannot be', async () => {
    const once = picky(new Set(['a']), { kind: 'once', retry: false });
    const own = openWorks(server.url, 'works', [once]);
    const jobId = await start('once', ['a']);
    expect(await refusal(jobId, own)).toBe('job-not-finished');
    work([once]);
    await ended(jobId);
    expect(await refusal(jobId, own)).toBe('job-not-retryable');
    await own.database.close();
  });
});

describe('a job with children', () => {
  const startFamily = (...parts: (readonly string[])[]): Promise<string> =>
    works.database.transaction((tx) =>
      works.jobs.start(tx, {
        tenantId,
        kind: 'family',
        params: {},
        actor,
        children: parts.map((items) => ({ kind: 'write', params: {}, items })),
      }),
    );
  const childrenOf = async (parent: string): Promise<string[]> => {
    const { rows } = await works.database.query<{ job_id: string }>(
      'SELECT job_id FROM job_work WHERE parent = $1 ORDER BY job_id',
      [parent],
    );
    return rows.map(({ job_id }) => job_id);
  };

  it('is the sum of them and ends with the last', async () => {
    const parent = await startFamily(itemsOf(1_200), itemsOf(300), []);
    work();
    work();
    expect(await ended(parent)).toMatchObject({ status: 'success', total: 1_500, done: 1_500, failed: 0 });
    for (const child of await childrenOf(parent)) {
      expect(await standing(child)).toMatchObject({ parent, status: 'success' });
      expect((await standing(child)).endedAt).toBeDefined();
    }
    const sums = (await eventsOf(parent)).map(({ data }) => data.job.done);
    expect(sums).toEqual([...sums].sort((a, b) => a - b));
  });

  it('is cancelled with all of them', async () => {
    let letGo = (): void => undefined;
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    let inHand = 0;
    const holding: JobKind = {
      ...write,
      run: async (tx, of, items) => {
        inHand += 1;
        await gate;
        return write.run(tx, of, items);
      },
    };
    const parent = await startFamily(itemsOf(1_200), itemsOf(1_200), itemsOf(1_200));
    work([holding], 2);
    await eventually(() => inHand === 2);
    expect(await works.jobs.cancel({ tenantId, jobId: parent, actor })).toMatchObject({
      status: 'cancelling',
    });
    letGo();
    expect(await ended(parent)).toMatchObject({ status: 'cancelled', total: 3_600, done: 1_000 });
    const children = await Promise.all((await childrenOf(parent)).map(standing));
    expect(children.map(({ status }) => status)).toEqual(['cancelled', 'cancelled', 'cancelled']);
  });

  it('waits for children that are held until they are released, or it is cancelled', async () => {
    const startHeld = (): Promise<string> =>
      works.database.transaction((tx) =>
        works.jobs.start(tx, {
          tenantId,
          kind: 'family',
          params: {},
          actor,
          children: ['a', 'b'].map((item) => ({
            kind: 'write',
            params: {},
            items: [item],
            held: item === 'b',
          })),
        }),
      );
    const heldOf = async (parent: string): Promise<string> => {
      const all = await childrenOf(parent);
      const { rows } = await works.database.query<{ job_id: string }>(
        'SELECT job_id FROM job_work WHERE held AND job_id = ANY($1)',
        [all],
      );
      return rows[0]?.job_id ?? '';
    };
    const release = (jobId: string): Promise<boolean> =>
      works.database.transaction((tx) => works.jobs.release(tx, { tenantId, jobId }));
    const [first, second] = [await startHeld(), await startHeld()];
    work();
    const half = async (parent: string) => (await standing(parent)).done === 1;
    await eventually(async () => (await half(first)) && half(second), { what: 'the others are done' });
    const [held, dropped] = [await heldOf(first), await heldOf(second)];
    expect(await standing(held)).toMatchObject({ status: 'created', done: 0 });
    expect([await release(held), await release(held), await release('nobody')]).toEqual([true, false, false]);
    expect(await ended(first)).toMatchObject({ status: 'success', total: 2, done: 2 });
    expect(await works.jobs.cancel({ tenantId, jobId: second, actor })).toMatchObject({
      status: 'cancelled',
    });
    expect(await release(dropped)).toBe(false);
    expect(await effects(dropped)).toEqual([]);
  });

  it('is retried with those that have failed', async () => {
    let bad = 'item-2';
    const picky: JobKind = {
      ...write,
      run: async (tx, of, items) => {
        await write.run(tx, of, items);
        return items.map((item) => (item === bad ? { code: 'device-not-found', detail: 'Gone.' } : {}));
      },
    };
    work([picky]);
    const parent = await startFamily(itemsOf(2), itemsOf(3));
    expect(await ended(parent)).toMatchObject({ status: 'failed', total: 5, failed: 1 });
    bad = '';
    const again = await works.database.transaction((tx) =>
      works.jobs.retry(tx, { tenantId, jobId: parent, actor }),
    );
    expect(await ended(again)).toMatchObject({ retryOf: parent, status: 'success', total: 1, done: 1 });
    expect(await childrenOf(again)).toHaveLength(1);
  });
});

describe('a fault', () => {
  it('of somebody else makes the job wait, with the reason, until it is over', async () => {
    let away = true;
    const needy: JobKind = {
      ...write,
      prepare: () =>
        away ? Promise.reject(new AppError('unavailable', 'The registry is away.')) : Promise.resolve(),
    };
    work([needy]);
    const jobId = await start('write', itemsOf(600));
    const waiting = await eventually(
      async () => {
        const now = await standing(jobId);
        return now.status === 'waiting' && now;
      },
      { what: 'the job waits' },
    );
    expect(waiting.reason).toMatchObject({ code: 'unavailable', detail: 'The registry is away.' });
    expect(waiting.reason?.since).toBe(
      (await eventsOf(jobId)).find(({ type }) => type === 'JobWaited')?.data.at,
    );
    away = false;
    const end = await ended(jobId);
    expect(end).toMatchObject({ status: 'success', done: 600 });
    expect(end.reason).toBeUndefined();
    expect(await effects(jobId)).toHaveLength(600);
  });

  it('as the outcome of one item undoes the chunk, which is done again', async () => {
    let tries = 0;
    const shaky: JobKind = {
      ...write,
      run: async (tx, of, items) => {
        await write.run(tx, of, items);
        tries += 1;
        return items.map(() => (tries < 3 ? { code: 'unavailable', detail: 'Nobody answers.' } : {}));
      },
    };
    work([shaky]);
    const jobId = await start('write', itemsOf(10));
    expect(await ended(jobId)).toMatchObject({ status: 'success', failed: 0 });
    expect(await effects(jobId)).toHaveLength(10);
  });

  it('of a plan that is refused ends the job with that reason, and nothing is done', async () => {
    const refused: JobKind = {
      ...write,
      plan: (_job, cursor) =>
        cursor === null
          ? Promise.resolve({ items: ['a'], next: 'x' })
          : Promise.reject(new AppError('invalid-request', 'There is no such field.')),
    };
    work([refused]);
    const jobId = await start('write');
    expect(await ended(jobId)).toMatchObject({
      status: 'failed',
      done: 0,
      reason: { code: 'invalid-request', detail: 'There is no such field.' },
    });
    expect(await effects(jobId)).toEqual([]);
  });

  it('of our own ends as an error of each of its items, after some tries, and the other chunks are done', async () => {
    let tries = 0;
    const buggy: JobKind = {
      ...write,
      run: (tx, of, items) => {
        if (items.includes('item-0')) {
          tries += 1;
          throw new TypeError('secret detail');
        }
        return write.run(tx, of, items);
      },
    };
    work([buggy]);
    const jobId = await start('write', itemsOf(700));
    expect(await ended(jobId)).toMatchObject({ status: 'failed', total: 700, done: 700, failed: 500 });
    expect(tries).toBe(5);
    expect(await effects(jobId)).toHaveLength(200);
    const events = await eventsOf(jobId);
    expect(events.map(({ type }) => type)).toContain('JobWaited');
    expect(JSON.stringify(events)).not.toContain('secret detail');
  });

  it('that ends the process every time is given up in the end', async () => {
    const away: JobKind = {
      ...write,
      prepare: () => Promise.reject(new AppError('unavailable', 'Not yet.')),
    };
    const workers = startWorkers(works, [away]);
    const jobId = await start('write', itemsOf(10));
    await eventually(async () => (await standing(jobId)).status === 'waiting', { what: 'it is planned' });
    await workers.stop();
    // As if ten processes had died over it: taken ten times, and nothing said of any error.
    await works.database.query(
      'UPDATE works_worker._private_jobs SET attempts = 10, run_at = now() WHERE last_error IS NULL',
    );
    work();
    expect(await ended(jobId)).toMatchObject({ status: 'failed', done: 10, failed: 10 });
    expect(await effects(jobId)).toEqual([]);
  });

  it('of the connections to the database is overcome', async () => {
    work();
    const jobId = await start('write', itemsOf(20_000));
    const admin = new pg.Client({ connectionString: server.url });
    await admin.connect();
    for (let times = 0; times < 3; times += 1) {
      const before = (await standing(jobId)).done;
      await admin.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name = 'works' AND datname = current_database()`,
      );
      await eventually(async () => (await standing(jobId)).done > before || (await ended(jobId)), {
        deadlineMs: 20_000,
      });
    }
    await admin.end();
    expect(await ended(jobId)).toMatchObject({ status: 'success', done: 20_000 });
    expect(new Set(await effects(jobId)).size).toBe(20_000);
    expect(await effects(jobId)).toHaveLength(20_000);
  }, 60_000);
});

describe('the workers', () => {
  it('take tasks also when they could not ask for the first one', async () => {
    const jobId = await start('write', ['a']);
    // A sequence is not undone with the transaction that fails: the first asking fails, and no other.
    await works.database.query('CREATE SEQUENCE askings');
    await works.database.query(
      `CREATE FUNCTION fail_first() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN IF nextval('askings') = 1 THEN RAISE 'too busy'; END IF; RETURN NEW; END $$`,
    );
    await works.database.query(
      `CREATE TRIGGER fail_first BEFORE INSERT ON ${workerSchema('works')}._private_tasks
       FOR EACH ROW EXECUTE FUNCTION fail_first()`,
    );
    try {
      work();
      expect(await ended(jobId)).toMatchObject({ status: 'success' });
    } finally {
      await works.database.query('DROP FUNCTION fail_first CASCADE');
    }
  });
});

describe('several processes', () => {
  const processToKill = async (): Promise<ChildProcess> => {
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, 'worker-process.fixture.js'), server.url],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    children.push(child);
    await once(child.stdout as NodeJS.EventEmitter, 'data');
    return child;
  };
  const kill = async (child: ChildProcess): Promise<void> => {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };

  it('share the chunks of a job', async () => {
    work();
    work();
    const jobId = await start('write', itemsOf(5_000));
    expect(await ended(jobId)).toMatchObject({ status: 'success', done: 5_000 });
    expect(await effects(jobId)).toHaveLength(5_000);
    expect((await eventsOf(jobId)).filter(({ type }) => type === 'JobProgressed')).toHaveLength(10);
  });

  it('do everything once when two are killed in the middle of a chunk', async () => {
    const items = itemsOf(1_200);
    const jobId = await start('write', items);
    for (let times = 0; times < 2; times += 1) await kill(await processToKill());
    expect((await standing(jobId)).done).toBe(0);
    const killedAt = Date.now();
    work();
    expect(await ended(jobId)).toMatchObject({ status: 'success', done: 1_200, failed: 0 });
    expect(Date.now() - killedAt).toBeLessThan(10_000);
    expect((await effects(jobId)).sort()).toEqual([...items].sort());
  }, 30_000);

  it('drop the chunk that one was killed at, once the job is cancelled', async () => {
    const jobId = await start('write', itemsOf(1_200));
    const child = await processToKill();
    expect(await works.jobs.cancel({ tenantId, jobId, actor })).toMatchObject({ status: 'cancelling' });
    await kill(child);
    // Asked for again in between: what is in hand stays for the next worker to say what became of it.
    expect(await works.jobs.cancel({ tenantId, jobId, actor })).toMatchObject({ status: 'cancelling' });
    work();
    expect(await ended(jobId)).toMatchObject({ status: 'cancelled', total: 1_200, done: 0 });
    expect(await effects(jobId)).toEqual([]);
  }, 30_000);

  it('do everything once when one is killed after its commit, before the task was taken away', async () => {
    const jobId = await start('write', itemsOf(800));
    const child = await processToKill();
    // The end of the task waits for this lock; the chunk itself does not.
    const admin = new pg.Client({ connectionString: server.url });
    await admin.connect();
    await admin.query('BEGIN');
    await admin.query('SELECT 1 FROM works_worker._private_jobs WHERE locked_by IS NOT NULL FOR UPDATE');
    await works.database.query('INSERT INTO go DEFAULT VALUES');
    await eventually(async () => (await standing(jobId)).done === 500, { what: 'the chunk is committed' });
    await kill(child);
    // The statement it had sent would still be done.
    await admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'works-to-be-killed'`,
    );
    await admin.query('ROLLBACK');
    const { rows } = await admin.query(
      'SELECT 1 FROM works_worker._private_jobs WHERE locked_by IS NOT NULL',
    );
    expect(rows).toHaveLength(1);
    await admin.end();
    // The job stays open until the task has been run again: after its end no chunk is looked at.
    const patient: JobKind = {
      ...write,
      prepare: async (_job, items) => {
        if (items.includes('item-0')) return;
        const left = await works.database.query(
          `SELECT 1 FROM works_worker._private_jobs WHERE payload->>'chunk' = '0'`,
        );
        if (left.rowCount !== 0) throw new AppError('unavailable', 'Not yet.');
      },
    };
    work([patient]);
    expect(await ended(jobId)).toMatchObject({ status: 'success', done: 800 });
    expect((await effects(jobId)).sort()).toEqual(itemsOf(800).sort());
    await eventually(
      async () => (await works.database.query('SELECT 1 FROM works_worker._private_jobs')).rowCount === 0,
      { what: 'no task is left' },
    );
  }, 30_000);
});

describe('retention', () => {
  const forget = () => forgetEndedJobs({ database: works.database, store: works.store, retentionDays: 30 });
  const endedDaysAgo = (days: number, ...ids: readonly string[]) =>
    works.database.query(
      `UPDATE job_work SET ended_at = now() - $1 * interval '1 day' WHERE job_id = ANY($2) OR parent = ANY($2)`,
      [days, ids],
    );
  /** Stands for the relay: nothing that it has not told of is forgotten. */
  const publishAll = () =>
    works.database.query(
      `INSERT INTO relay_cursor (relay, txid, position) SELECT 'works', pg_current_xact_id(), 0
       ON CONFLICT (relay) DO UPDATE SET txid = excluded.txid`,
    );
  const left = async (...ids: readonly string[]): Promise<string[]> => {
    const { rows } = await works.database.query<{ id: string }>(
      `SELECT job_id AS id FROM job_work WHERE job_id = ANY($1) UNION SELECT job_id FROM job_chunks WHERE job_id = ANY($1)
       UNION SELECT substr(stream, 5) FROM events WHERE stream = ANY(SELECT 'job-' || id FROM unnest($1::text[]) id)
       UNION SELECT substr(stream, 5) FROM streams WHERE stream = ANY(SELECT 'job-' || id FROM unnest($1::text[]) id)
       ORDER BY id`,
      [ids],
    );
    return rows.map(({ id }) => id);
  };

  it('forgets jobs that ended long ago, with their chunks and events, and no others', async () => {
    const [old, recent] = [await start('write', ['a']), await start('write', ['b'])];
    const open = await start('nobody knows how', ['c']);
    work();
    await ended(old);
    await ended(recent);
    await endedDaysAgo(31, old);
    await endedDaysAgo(29, recent);
    await publishAll();
    expect(await forget()).toBe(1);
    expect(await left(old, recent, open)).toEqual([recent, open].sort());
    // A kind this version does not know is not a fault of the items: an older replica may have come upon it.
    await eventually(async () => (await standing(open)).status === 'waiting', { what: 'it waits' });
    await works.jobs.cancel({ tenantId, jobId: open, actor });
    await ended(open);
  });

  it('forgets a parent with its children, and not while it is retried', async () => {
    const picky: JobKind = {
      ...write,
      run: (_tx, _of, items) =>
        Promise.resolve(items.map(() => ({ code: 'device-not-found', detail: 'Gone.' }))),
    };
    work([picky]);
    const [failed, parent] = await works.database.transaction(async (tx) => [
      await works.jobs.start(tx, { tenantId, kind: 'write', params: {}, actor, items: ['a'] }),
      await works.jobs.start(tx, {
        tenantId,
        kind: 'family',
        params: {},
        actor,
        children: [{ kind: 'write', params: {}, items: ['b'] }],
      }),
    ]);
    await ended(failed);
    await ended(parent);
    await Promise.all(running.map((workers) => workers.stop()));
    const again = await works.database.transaction((tx) =>
      works.jobs.retry(tx, { tenantId, jobId: failed, actor }),
    );
    await endedDaysAgo(31, failed, parent);
    await publishAll();
    const { rows } = await works.database.query<{ job_id: string }>(
      'SELECT job_id FROM job_work WHERE parent = $1',
      [parent],
    );
    expect(await forget()).toBe(1);
    expect(await left(failed, parent, rows[0]?.job_id ?? '')).toEqual([failed]);
    await works.jobs.cancel({ tenantId, jobId: again, actor });
    expect(await forget()).toBe(1);
  });

  it('leaves what is not published yet for another time', async () => {
    work();
    await publishAll();
    const jobId = await start('write', ['a']);
    await ended(jobId);
    await endedDaysAgo(31, jobId);
    expect(await forget()).toBe(0);
    await publishAll();
    expect(await forget()).toBe(1);
    expect(await left(jobId)).toEqual([]);
  });
});

describe('the migrations', () => {
  it('run for a login that is no superuser, twice', async () => {
    const admin = new pg.Client({ connectionString: server.url });
    await admin.connect();
    const login = `login_${newId().replaceAll('-', '')}`;
    await admin.query(`CREATE ROLE ${login} LOGIN CREATEROLE PASSWORD 'x'`);
    const empty = await testDatabase();
    await admin.query(`ALTER DATABASE ${empty.name} OWNER TO ${login}`);
    // The role of the schema belongs to the whole server and was made by another login.
    await admin.query(`GRANT muster_works TO ${login}`);
    const url = new URL(empty.url);
    url.username = login;
    url.password = 'x';
    await migrateWorks(url.href);
    await migrateWorks(url.href).catch((error: unknown) => expect(String(error)).toContain('effects'));
    const own = openWorks(url.href);
    const jobId = await own.database.transaction((tx) =>
      own.jobs.start(tx, { tenantId, kind: 'write', params: {}, actor, items: ['a'] }),
    );
    const workers = startWorkers(own, [write]);
    await eventually(
      async () => (await own.store.load(job, tenantId, jobId)).state.standing?.status === 'success',
    );
    await workers.stop();
    await own.database.close();
    await empty.drop();
    await admin.query(`DROP ROLE ${login}`);
    await admin.end();
  });
});

describe('a driven job', () => {
  const instead = 'Cancel campaign c1 instead: POST /campaigns/c1/cancel.';
  const driven = (total: number) => ({ kind: 'campaign-batch', params: {}, driven: { total, instead } });
  const startCampaign = (...totals: readonly number[]): Promise<{ jobId: string; batches: string[] }> =>
    works.database.transaction(async (tx) => {
      const batches = totals.map(() => newId());
      const jobId = await works.jobs.start(tx, {
        tenantId,
        actor,
        kind: 'campaign',
        params: {},
        children: totals.map((total, nth) => ({ ...driven(total), jobId: batches[nth] ?? '' })),
      });
      return { jobId, batches };
    });
  const progress = (jobId: string, done: number, failed = 0, item?: string): Promise<void> =>
    works.database.transaction((tx) =>
      works.jobs.progress(
        tx,
        { tenantId, jobId },
        {
          done,
          failed,
          errors: item === undefined ? [] : [{ item, code: 'device-not-found', detail: 'No such device.' }],
        },
      ),
    );

  it('stands where its service says, its parent where its children stand together, and both end with the last item', async () => {
    work();
    const { jobId, batches } = await startCampaign(3, 2);
    const [first = '', second = ''] = batches;
    expect(await standing(jobId)).toMatchObject({ status: 'created', total: 5, done: 0 });
    await progress(first, 1);
    await progress(first, 1);
    expect(await standing(first)).toMatchObject({ status: 'in_progress', total: 3, done: 1 });
    expect(await standing(jobId)).toMatchObject({ status: 'in_progress', total: 5, done: 1 });
    await progress(first, 3, 1, 'd1');
    await progress(first, 2);
    expect(await standing(first)).toMatchObject({ status: 'failed', done: 3, failed: 1 });
    await progress(second, 2);
    expect(await standing(jobId)).toMatchObject({ status: 'failed', total: 5, done: 5, failed: 1 });
    expect((await eventsOf(first)).map(({ type }) => type)).toEqual([
      'JobCreated',
      'JobAdvanced',
      'JobAdvanced',
      'JobEnded',
    ]);
  });

  it('is not cancelled or retried by itself, and says by what else', async () => {
    const { jobId, batches } = await startCampaign(3);
    for (const id of [jobId, ...batches]) {
      await expect(works.jobs.cancel({ tenantId, jobId: id, actor })).rejects.toMatchObject({
        code: 'job-not-cancellable',
        detail: instead,
      });
    }
    await progress(batches[0] ?? '', 3, 1);
    await expect(
      works.database.transaction((tx) => works.jobs.retry(tx, { tenantId, jobId, actor })),
    ).rejects.toMatchObject({ code: 'job-not-retryable', detail: instead });
  });

  it('is ended by its service, with all that is open of it, and a second time nothing happens', async () => {
    const bert = { kind: 'user', id: 'bert' } as const;
    const { jobId, batches } = await startCampaign(3, 2);
    const [first = '', second = ''] = batches;
    await progress(first, 3, 1);
    const finish = () =>
      works.database.transaction((tx) => works.jobs.finish(tx, { tenantId, jobId, actor: bert }));
    await finish();
    const ofAll = async () => (await Promise.all([jobId, ...batches].map(eventsOf))).flat().length;
    const events = await ofAll();
    await finish();
    await progress(second, 2);
    expect(await ofAll()).toBe(events);
    expect(await standing(first)).toMatchObject({ status: 'failed', done: 3 });
    expect(await standing(second)).toMatchObject({ status: 'cancelled', done: 0, cancelledBy: bert });
    expect(await standing(jobId)).toMatchObject({
      status: 'cancelled',
      done: 3,
      total: 5,
      cancelledBy: bert,
    });
  });
});
