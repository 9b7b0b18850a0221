import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import { eventually } from '@muster/testing';
import type { TimerHandler, TimerKey } from './index.js';
import { Timers } from './index.js';
import { startWorkers } from './jobs.fixture.js';
import { latestTimerSeconds } from './timers.js';
import { useWorks } from './used-works.fixture.js';

const tenantId = 'default';

const used = useWorks('timers');
let timers: Timers;

beforeAll(() => {
  timers = new Timers(used.works.database);
});

const key = (name: string): TimerKey => ({ tenantId, name: 'note', key: name });
const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString();
const HOUR_MS = 3_600_000;
const set = (name: string, at: string, payload: object = {}): Promise<void> =>
  used.works.database.transaction((tx) => timers.set(tx, { ...key(name), at, payload }));
const cancel = (name: string): Promise<boolean> =>
  used.works.database.transaction((tx) => timers.cancel(tx, key(name)));
/** Writes down what fired, in the transaction that takes the timer away. */
const note: TimerHandler = async (tx, timer) => {
  await tx.query('INSERT INTO effects (job_id, item) VALUES ($1, $2)', [
    'timer',
    `${timer.key} ${JSON.stringify(timer.payload)}`,
  ]);
};
/** One worker: what is due is done in the order of its time. */
const work = (handler: TimerHandler = note, concurrency = 1): void => {
  used.running.push(startWorkers(used.works, [], concurrency, { note: handler }));
};
const fired = async (): Promise<string[]> => {
  const { rows } = await used.works.database.query<{ item: string }>('SELECT item FROM effects ORDER BY nth');
  return rows.map(({ item }) => item);
};
const left = async (): Promise<number> => {
  const { rows } = await used.works.database.query<{ tasks: number; timers: number }>(
    `SELECT (SELECT count(*) FROM works_worker._private_jobs)::integer AS tasks,
            (SELECT count(*) FROM timers)::integer AS timers`,
  );
  return (rows[0]?.tasks ?? 0) + (rows[0]?.timers ?? 0);
};
const nothingLeft = () => eventually(async () => (await left()) === 0, { what: 'no timer is left' });
/** What was due until now has fired, where there is one worker. */
const allDueFired = async (): Promise<void> => {
  await set('last', inMs(0));
  await eventually(async () => (await fired()).includes('last {}'), { what: 'what was due has fired' });
};

describe('a timer', () => {
  it('fires once, not before its time by the clock of the database, and says what it was set for', async () => {
    work();
    work();
    await used.works.database.transaction((tx) =>
      timers.set(tx, { ...key('soon'), at: inMs(700), payload: { batch: 2 } }),
    );
    await set('now', inMs(-10), { first: true });
    await eventually(async () => (await fired()).length === 1);
    expect(await fired()).toEqual(['now {"first":true}']);
    const { rows } = await used.works.database.query<{ at: Date }>('SELECT at FROM timers');
    await nothingLeft();
    const now = await used.works.database.query<{ late: boolean }>('SELECT clock_timestamp() >= $1 AS late', [
      rows[0]?.at,
    ]);
    expect(now.rows[0]?.late).toBe(true);
    expect(await fired()).toEqual(['now {"first":true}', 'soon {"batch":2}']);
  });

  it('is not set when the transaction is undone', async () => {
    const undone = used.works.database.transaction(async (tx) => {
      await timers.set(tx, { ...key('undone'), at: inMs(0), payload: {} });
      throw new AppError('not-allowed', 'Changed my mind.');
    });
    await expect(undone).rejects.toThrow('Changed my mind.');
    work();
    await allDueFired();
    expect(await fired()).toEqual(['last {}']);
  });

  it('fires late rather than never', async () => {
    await set('old', inMs(-HOUR_MS));
    expect(await latestTimerSeconds(used.works.database)).toBeGreaterThan(3_590);
    work();
    await nothingLeft();
    expect(await fired()).toEqual(['old {}']);
    expect(await latestTimerSeconds(used.works.database)).toBe(0);
  });

  it('is moved, later and earlier, when it is set again', async () => {
    await set('a', inMs(0), { was: 'now' });
    await set('a', inMs(HOUR_MS), { is: 'later' });
    await set('b', inMs(HOUR_MS), { was: 'later' });
    await set('b', inMs(0), { is: 'now' });
    work();
    await allDueFired();
    expect(await fired()).toEqual(['b {"is":"now"}', 'last {}']);
    const { rows } = await used.works.database.query('SELECT key FROM timers');
    expect(rows).toEqual([{ key: 'a' }]);
  });

  it('never fires once it is cancelled', async () => {
    await set('a', inMs(0));
    expect(await cancel('a')).toBe(true);
    expect(await cancel('a')).toBe(false);
    work();
    await allDueFired();
    expect(await fired()).toEqual(['last {}']);
    await nothingLeft();
  });

  it('that is cancelled or moved while its task waits in a worker does not fire', async () => {
    await set('cancelled', inMs(0));
    await set('moved', inMs(0));
    // Both tasks are taken at this moment; what they find is decided by the rows alone.
    const holder = await used.works.database.dedicated();
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM timers FOR UPDATE');
    work(note, 2);
    await eventually(
      async () =>
        (
          await used.works.database.query(
            'SELECT 1 FROM works_worker._private_jobs WHERE locked_at IS NOT NULL',
          )
        ).rowCount === 2,
      { what: 'both are in hand' },
    );
    await holder.query(`DELETE FROM timers WHERE key = 'cancelled'`);
    await holder.query(`UPDATE timers SET at = now() + interval '1 hour' WHERE key = 'moved'`);
    await holder.query('COMMIT');
    await holder.end();
    await allDueFired();
    expect(await fired()).toEqual(['last {}']);
    expect((await used.works.database.query('SELECT key FROM timers')).rows).toEqual([{ key: 'moved' }]);
  });

  it('may be set again by what it does', async () => {
    let times = 0;
    work(async (tx, timer) => {
      times += 1;
      await note(tx, timer);
      if (times < 3) await timers.set(tx, { ...timer, at: inMs(0), payload: { times } });
    });
    await set('again', inMs(0), { times: 0 });
    await nothingLeft();
    expect(await fired()).toEqual(['again {"times":0}', 'again {"times":1}', 'again {"times":2}']);
  });

  it('is tried again when it fails, and what it did is undone', async () => {
    let tries = 0;
    work(async (tx, timer) => {
      await note(tx, timer);
      tries += 1;
      if (tries < 4) throw tries === 1 ? new TypeError('a bug') : new AppError('unavailable', 'Away.');
    });
    await set('a', inMs(0));
    await nothingLeft();
    expect(tries).toBe(4);
    expect(await fired()).toEqual(['a {}']);
  });

  it('of which this version knows nothing waits for one that does', async () => {
    await used.works.database.transaction((tx) =>
      timers.set(tx, { tenantId, name: 'newer', key: 'a', at: inMs(0), payload: {} }),
    );
    work();
    await allDueFired();
    const newer = startWorkers(used.works, [], 1, { newer: note, note });
    used.running.push(newer);
    await nothingLeft();
    expect(await fired()).toEqual(['last {}', 'a {}']);
  });
});

describe('a process that is killed', () => {
  const processToKill = (): { child: ChildProcess; says: (what: string) => Promise<unknown> } => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'timer-process.fixture.js'), used.url], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    used.children.push(child);
    const said: string[] = [];
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => said.push(line));
    return { child, says: (what) => eventually(() => said.includes(what), { what }) };
  };
  const kill = async (child: ChildProcess): Promise<void> => {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };

  it('before the time costs nothing', async () => {
    const { child, says } = processToKill();
    await says('ready');
    await set('a', inMs(300));
    await kill(child);
    work();
    await nothingLeft();
    expect(await fired()).toEqual(['a {}']);
  }, 20_000);

  it('while it fires costs what it has done so far: another does it, once', async () => {
    const { child, says } = processToKill();
    await says('ready');
    await set('a', inMs(0));
    await says('firing');
    await kill(child);
    expect(await fired()).toEqual([]);
    work();
    await nothingLeft();
    expect(await fired()).toEqual(['a {}']);
  }, 20_000);
});
