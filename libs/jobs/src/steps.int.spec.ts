import { AsyncLocalStorage } from 'node:async_hooks';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import { eventually } from '@muster/testing';
import { Steps, type StepHandler, type StepKey } from './index.js';
import { openWorks, startWorkers } from './jobs.fixture.js';
import { latestStepSeconds } from './steps.js';
import { useWorks } from './used-works.fixture.js';

const tenantId = 'default';
const HOUR_MS = 3_600_000;

const used = useWorks('steps');
let steps: Steps;

beforeAll(() => {
  steps = new Steps(used.works.database);
});

const key = (name: string): StepKey => ({ tenantId, name: 'move', key: name });
const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString();
const set = (name: string, at = inMs(0)): Promise<void> =>
  used.works.database.transaction((tx) => steps.set(tx, { ...key(name), at }));
const note = async (step: string, what: string): Promise<void> => {
  await used.works.database.query('INSERT INTO effects (job_id, item) VALUES ($1, $2)', [step, what]);
};
const work = (handler: StepHandler, concurrency = 2): void => {
  used.running.push(startWorkers(used.works, [], concurrency, {}, { move: handler }));
};
const done = async (step: string): Promise<string[]> => {
  const { rows } = await used.works.database.query<{ item: string }>(
    'SELECT item FROM effects WHERE job_id = $1 ORDER BY nth',
    [step],
  );
  return rows.map(({ item }) => item);
};
const nothingLeft = () =>
  eventually(async () => (await used.works.database.query('SELECT 1 FROM steps')).rowCount === 0, {
    deadlineMs: 20_000,
    what: 'no step is left',
  });
const held = (): { readonly opened: Promise<void>; readonly open: () => void } => {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
};

describe('a step', () => {
  it('runs once for all that was asked before it began, at the earliest of the times', async () => {
    await set('a', inMs(HOUR_MS));
    await set('a');
    await set('a', inMs(HOUR_MS));
    await set('a');
    await set('later', inMs(HOUR_MS));
    work((step) => note(step.key, 'ran'));
    await eventually(async () => (await done('a')).length > 0);
    await set('last');
    await eventually(async () => (await done('last')).length > 0);
    expect(await done('a')).toEqual(['ran']);
    expect(await done('later')).toEqual([]);
  });

  it('runs outside of the request that opened the connection on which its worker is woken', async () => {
    const request = new AsyncLocalStorage<string>();
    const own = openWorks(used.url, 'own');
    await request.run('a request', async () => {
      const clients = await Promise.all(Array.from({ length: 8 }, () => own.database.pool.connect()));
      for (const client of clients) client.release();
    });
    const seen: (string | undefined)[] = [];
    const workers = startWorkers(
      own,
      [],
      1,
      {},
      {
        move: () => {
          seen.push(request.getStore());
          return Promise.resolve();
        },
      },
    );
    try {
      for (let nth = 1; nth <= 5; nth += 1) {
        await set('a');
        await eventually(() => seen.length === nth);
      }
      expect(seen).toEqual([undefined, undefined, undefined, undefined, undefined]);
    } finally {
      await workers.stop();
      await own.database.close();
    }
  });

  it('goes on after a living worker was taken for dead and two had the same task', async () => {
    const { database } = used.works;
    const holds = [held(), held()];
    let begun = 0;
    work(async (step) => {
      begun += 1;
      const nth = begun;
      await holds[nth - 1]?.opened;
      await note(step.key, `ran ${nth}`);
    });
    await set('a');
    await eventually(() => begun === 1);
    await database.query(
      `SELECT ${database.schema}_worker.force_unlock_workers(array_agg(locked_by)) FROM ${database.schema}_worker.jobs`,
    );
    await eventually(() => begun === 2);
    holds[0]?.open();
    await eventually(async () => (await done('a')).length === 1);
    holds[1]?.open();
    await eventually(async () => (await done('a')).length === 2);
    await set('a');
    await eventually(() => begun === 3, { deadlineMs: 10_000, what: 'the step runs again' });
  });

  it('is not set when the transaction is undone', async () => {
    const undone = used.works.database.transaction(async (tx) => {
      await steps.set(tx, { ...key('undone'), at: inMs(0) });
      throw new AppError('not-allowed', 'Changed my mind.');
    });
    await expect(undone).rejects.toThrow('Changed my mind.');
    await set('last');
    work((step) => note(step.key, 'ran'));
    await nothingLeft();
    expect(await done('undone')).toEqual([]);
  });

  it('that is set while it runs runs once more', async () => {
    const { opened, open } = held();
    let runs = 0;
    work(async (step) => {
      runs += 1;
      await note(step.key, `begins ${runs}`);
      if (runs === 1) await opened;
      await note(step.key, `ends ${runs}`);
    });
    await set('a');
    await eventually(async () => (await done('a')).length === 1);
    await set('a');
    await set('a');
    open();
    await nothingLeft();
    expect(await done('a')).toEqual(['begins 1', 'ends 1', 'begins 2', 'ends 2']);
  });

  it('sets itself to a later time, which whoever is in a hurry brings forward', async () => {
    work(async (step) => {
      await note(step.key, 'ran');
      if ((await done(step.key)).length < 2) await set(step.key, inMs(HOUR_MS));
    });
    await set('a');
    await eventually(
      async () =>
        (await used.works.database.query('SELECT 1 FROM steps WHERE at > now() AND NOT begun')).rowCount ===
        1,
    );
    expect(await latestStepSeconds(used.works.database)).toBeLessThan(0.001);
    await set('a');
    await nothingLeft();
    expect(await done('a')).toEqual(['ran', 'ran']);
  });

  it('is tried again, later each time, after what passes and what does not', async () => {
    const at: number[] = [];
    work(async () => {
      at.push(Date.now());
      await Promise.resolve();
      if (at.length < 5)
        throw at.length === 1 ? new TypeError('a bug') : new AppError('unavailable', 'Away.');
    });
    await set('a');
    await nothingLeft();
    expect(at).toHaveLength(5);
    const pauses = at.slice(1).map((time, nth) => time - (at[nth] ?? 0));
    // 20 ms at first, then twice as much: a worker that looks late makes each longer, never shorter.
    pauses.forEach((pause, nth) => expect(pause).toBeGreaterThanOrEqual(19 * 2 ** nth));
  });

  it('of which this version knows nothing waits for one that does', async () => {
    await used.works.database.transaction((tx) =>
      steps.set(tx, { tenantId, name: 'newer', key: 'a', at: inMs(0) }),
    );
    work((step) => note(step.key, 'ran'));
    await eventually(
      async () => (await used.works.database.query('SELECT 1 FROM steps WHERE faults > 0')).rowCount === 1,
    );
    used.running.push(startWorkers(used.works, [], 2, {}, { newer: (step) => note(step.key, 'ran') }));
    await nothingLeft();
    expect(await done('a')).toEqual(['ran']);
  });

  it('does not keep others from running, nor they it', async () => {
    const { opened, open } = held();
    work(async (step) => {
      if (step.key === 'slow') await opened;
      await note(step.key, 'ran');
    });
    await set('slow');
    await set('quick');
    await eventually(async () => (await done('quick')).length === 1);
    open();
    await nothingLeft();
  });
});

describe('over several processes', () => {
  const process_ = (mode: string): { child: ChildProcess; says: (what: string) => Promise<unknown> } => {
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, 'step-process.fixture.js'), used.url, mode],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    used.children.push(child);
    const said: string[] = [];
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => said.push(line));
    return { child, says: (what) => eventually(() => said.includes(what), { what, deadlineMs: 15_000 }) };
  };

  it('the runs of a step follow each other', async () => {
    const others = [process_('go'), process_('go')];
    for (const other of others) await other.says('ready');
    for (let nth = 0; nth < 60; nth += 1) {
      await Promise.all([set('a'), set('b')]);
    }
    // What is asked while a run waits is the same run: it is asked on until each has run more than once.
    await eventually(
      async () => {
        await Promise.all([set('a'), set('b')]);
        return (await done('a')).length > 2 && (await done('b')).length > 2;
      },
      { deadlineMs: 15_000 },
    );
    await nothingLeft();
    for (const step of ['a', 'b']) {
      const items = await done(step);
      expect(items).toEqual(items.map((_item, nth) => (nth % 2 === 0 ? 'begins' : 'ends')));
    }
  }, 40_000);

  it('one whose process is killed is run again by another', async () => {
    const { child, says } = process_('hold');
    await says('ready');
    await set('a');
    await says('running');
    // Asked for while it ran: not lost, whichever of the two is taken first.
    await set('a', inMs(HOUR_MS));
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    work((step) => note(step.key, 'ran'));
    await eventually(async () => (await done('a')).includes('ran'), { deadlineMs: 15_000 });
    expect(await done('a')).toEqual(['begins', 'ran']);
    // What was done is noted a moment after it was done.
    await eventually(
      async () => {
        const { rows } = await used.works.database.query('SELECT begun, at > now() AS later FROM steps');
        expect(rows).toEqual([{ begun: false, later: true }]);
        return true;
      },
      { what: 'the end of the step is noted' },
    );
  }, 40_000);
});
