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

  it('of a kind in order begins when the one before has ended, and says so', async () => {
    const inOrder: JobKind = { ...write, kind: 'in-order', inOrder: true };
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const first = await start('in-order', ['first']);
    const second = await start('in-order', ['second']);
    const other = await start('write', ['other']);
    work([
      write,
      {
        ...inOrder,
        prepare: (_job, items) => (items[0] === 'first' ? gate : Promise.resolve()),
      },
    ]);
    await ended(other);
    await eventually(async () => (await standing(second)).status === 'waiting');
    expect((await standing(second)).reason?.detail).toBe(`Waits for job ${first}, which was started before.`);
    expect(await effects(second)).toEqual([]);
    open();
    const [before, after] = [await ended(first), await ended(second)];
    expect([before.status, after.status]).toEqual(['success', 'success']);
    expect(after.reason).toBeUndefined();
    expect((after.startedAt ?? '') >= (before.endedAt ?? '')).toBe(true);
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
    expect(waiting.reason).toEqual({ code: 'unavailable', detail: 'The registry is away.' });
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
  it('removes the items of jobs that ended long ago, and of no others', async () => {
    const [old, recent] = [await start('write', ['a']), await start('write', ['b'])];
    const open = await start('nobody knows how', ['c']);
    work();
    await ended(old);
    await ended(recent);
    await works.database.query(
      `UPDATE job_work SET ended_at = now() - interval '73 hours' WHERE job_id = $1`,
      [old],
    );
    expect(await forgetEndedJobs(works.database, 72)).toBe(1);
    const { rows } = await works.database.query<{ job_id: string }>(
      'SELECT job_id FROM job_chunks WHERE job_id = ANY($1)',
      [[old, recent, open]],
    );
    expect(rows.map(({ job_id }) => job_id).sort()).toEqual([recent, open].sort());
    expect((await standing(old)).status).toBe('success');
    // A kind this version does not know is not a fault of the items: an older replica may have come upon it.
    await eventually(async () => (await standing(open)).status === 'waiting', { what: 'it waits' });
    await works.database.query('DELETE FROM job_work WHERE job_id = $1', [open]);
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
