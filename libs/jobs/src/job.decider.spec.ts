import { describe, expect, it } from '@jest/globals';
import { scenario } from '@muster/testing';
import { decide, evolve, initial, job, type Job, type JobCommand } from './job.decider.js';
import type { ChildStanding, JobEvent, JobStanding } from './job.events.js';

const at = '2026-11-21T10:00:01.000Z';
const later = '2026-11-21T10:00:02.000Z';
const createdAt = '2026-11-21T10:00:00.000Z';
const fault = { code: 'unavailable', detail: 'The registry is away.' };
const reason = { ...fault, since: at };
const actor = { kind: 'user', id: 'anna' } as const;
const bert = { kind: 'user', id: 'bert' } as const;

const fresh: JobStanding = {
  kind: 'k',
  status: 'created',
  total: null,
  done: 0,
  failed: 0,
  createdAt,
  createdBy: actor,
};
const working: JobStanding = { ...fresh, status: 'in_progress', startedAt: at };
const created: JobEvent = { type: 'JobCreated', data: { at: createdAt, job: fresh } };
const started: JobEvent = { type: 'JobStarted', data: { at, job: working } };
const planned = (total: number): JobEvent => ({
  type: 'JobPlanned',
  data: { at, job: { ...working, total } },
});
const waiting: JobEvent = {
  type: 'JobWaited',
  schemaVersion: 2,
  data: { at, job: { ...working, total: 600, status: 'waiting', reason }, chunk: 0 },
};
const states = (...history: readonly JobEvent[]): Job => history.reduce(evolve, initial);
const chunk = (number: number, items: number, errors = 0): JobCommand => ({
  type: 'RecordChunk',
  chunk: number,
  items,
  errors: Array.from({ length: errors }, (_none, index) => ({ item: `i${index}`, code: 'c', detail: 'd' })),
  at: later,
});

describe('CreateJob', () => {
  it('creates a job, with the job it is a part of, or repeats', () => {
    scenario(job)
      .given([])
      .when({ type: 'CreateJob', kind: 'k', actor, parent: 'p', retryOf: 'r', at })
      .then([
        { type: 'JobCreated', data: { at, job: { ...fresh, createdAt: at, parent: 'p', retryOf: 'r' } } },
      ]);
  });

  it('creates one that is made of others', () => {
    scenario(job)
      .given([])
      .when({ type: 'CreateJob', kind: 'k', actor, children: ['a', 'b'], at })
      .then([{ type: 'JobCreated', data: { at, job: { ...fresh, createdAt: at }, children: ['a', 'b'] } }]);
  });
});

describe('a driven job', () => {
  const of = (standing: Partial<JobStanding>): JobStanding => ({ ...fresh, total: 3, ...standing });
  const driven: JobEvent = { type: 'JobCreated', data: { at: createdAt, job: of({}) } };
  const error = { item: 'd1', code: 'c', detail: 'd' };
  const half: JobEvent = {
    type: 'JobAdvanced',
    data: { at, job: of({ status: 'in_progress', startedAt: at, done: 2, failed: 1 }), errors: [error] },
  };
  const advance = (done: number, failed: number, errors = [] as (typeof error)[]): JobCommand => ({
    type: 'Advance',
    done,
    failed,
    errors,
    at,
  });

  it('knows its items from the beginning', () => {
    scenario(job)
      .given([])
      .when({ type: 'CreateJob', kind: 'k', actor, total: 3, at })
      .then([{ type: 'JobCreated', data: { at, job: of({ createdAt: at }) } }]);
  });

  it('has begun when something is said of it, even that nothing is done yet', () => {
    scenario(job)
      .given([driven])
      .when(advance(0, 0))
      .then([
        { type: 'JobAdvanced', data: { at, job: of({ status: 'in_progress', startedAt: at }), errors: [] } },
      ]);
  });

  it('stands where its service says, and says nothing twice', () => {
    scenario(job)
      .given([driven])
      .when(advance(2, 1, [error]))
      .then([half]);
    scenario(job).given([driven, half]).when(advance(2, 1)).then([]);
  });

  it('never goes back', () => {
    scenario(job).given([driven, half]).when(advance(1, 0)).then([]);
  });

  it('ends with the last item, as failed where one of them has failed', () => {
    const job3 = of({ status: 'in_progress', startedAt: at, done: 3, failed: 1 });
    scenario(job)
      .given([driven, half])
      .when(advance(4, 1))
      .then([
        { type: 'JobAdvanced', data: { at, job: job3, errors: [] } },
        { type: 'JobEnded', data: { at, job: { ...job3, status: 'failed', endedAt: at } } },
      ]);
  });

  it('without items ends when it is said to be through', () => {
    const none = of({ total: 0 });
    const through = { ...none, status: 'in_progress', startedAt: at } as const;
    scenario(job)
      .given([{ type: 'JobCreated', data: { at: createdAt, job: none } }])
      .when(advance(0, 0))
      .then([
        { type: 'JobAdvanced', data: { at, job: through, errors: [] } },
        { type: 'JobEnded', data: { at, job: { ...through, status: 'success', endedAt: at } } },
      ]);
  });
});

describe('StartJob', () => {
  it('starts it', () => {
    scenario(job).given([created]).when({ type: 'StartJob', at }).then([started]);
  });

  it('keeps the time of the first start and forgets what it waited for', () => {
    scenario(job)
      .given([created, started, waiting])
      .when({ type: 'StartJob', at: later })
      .then([{ type: 'JobStarted', data: { at: later, job: { ...working, total: 600 } } }]);
  });
});

describe('PlanJob', () => {
  it('fixes the number of items', () => {
    scenario(job)
      .given([created])
      .when({ type: 'PlanJob', total: 600, at })
      .then([planned(600)]);
  });

  it('ends a job without items at once', () => {
    scenario(job)
      .given([created])
      .when({ type: 'PlanJob', total: 0, at })
      .then([
        planned(0),
        {
          type: 'JobEnded',
          data: { at, job: { ...working, total: 0, status: 'success', endedAt: at } },
        },
      ]);
  });
});

describe('RecordChunk', () => {
  it('counts a chunk', () => {
    scenario(job)
      .given([created, planned(600)])
      .when(chunk(0, 500))
      .then([
        {
          type: 'JobProgressed',
          data: { at: later, job: { ...working, total: 600, done: 500 }, chunk: 0, items: 500, errors: [] },
        },
      ]);
  });

  it('ends with success when the last item is through', () => {
    const end = { ...working, total: 10, done: 10 };
    scenario(job)
      .given([created, planned(10)])
      .when(chunk(0, 10))
      .then([
        { type: 'JobProgressed', data: { at: later, job: end, chunk: 0, items: 10, errors: [] } },
        { type: 'JobEnded', data: { at: later, job: { ...end, status: 'success', endedAt: later } } },
      ]);
  });

  it('ends as failed when one item was', () => {
    const events = decide(chunk(0, 10, 1), [created, planned(10)].reduce(evolve, initial));
    expect(events.at(-1)).toMatchObject({
      type: 'JobEnded',
      data: { job: { status: 'failed', done: 10, failed: 1 } },
    });
  });

  it('goes on after waiting', () => {
    const events = decide(chunk(0, 500), [created, planned(600), waiting].reduce(evolve, initial));
    expect(events).toHaveLength(1);
    expect(events[0]?.data.job).toEqual({ ...working, total: 600, done: 500 });
  });

  it('counts every chunk once, in whatever order they come and come again', () => {
    let state = [created, planned(10_000)].reduce(evolve, initial);
    for (const number of [3, 1, 1, 0, 3, 7, 6, 2, 0, 7, 5, 4, 9, 9]) {
      state = decide(chunk(number, 100), state).reduce(evolve, state);
    }
    expect(state).toMatchObject({
      chunks: [
        [0, 7],
        [9, 9],
      ],
    });
    expect(state.standing?.done).toBe(900);
  });
});

describe('WaitForFault', () => {
  const wait = (chunk: number | null, code = 'unavailable', since = at): JobCommand => ({
    type: 'WaitForFault',
    chunk,
    fault: { ...fault, code },
    since,
    at: later,
  });

  it('says what the job waits for and since when, once, whichever chunk says it', () => {
    scenario(job)
      .given([created, planned(600)])
      .when(wait(0))
      .then([{ ...waiting, data: { ...waiting.data, at: later } }]);
    expect(decide(wait(1), states(created, planned(600), waiting))).toEqual([]);
  });

  it('says so again when it is another reason', () => {
    const events = decide(wait(1, 'deadline-exceeded', later), states(created, planned(600), waiting));
    expect(events).toMatchObject([
      { type: 'JobWaited', data: { chunk: 1, job: { reason: { code: 'deadline-exceeded', since: later } } } },
    ]);
  });

  it('stays to be seen, since the first time, while other chunks go on', () => {
    const before = states(created, planned(600), waiting);
    const onward = decide(chunk(1, 100), before);
    expect(onward).toMatchObject([{ data: { job: { status: 'in_progress', done: 100, reason } } }]);
    const again = decide(wait(2, 'unavailable', later), onward.reduce(evolve, before));
    expect(again).toMatchObject([{ data: { chunk: 0, job: { status: 'waiting', done: 100, reason } } }]);
    const after = [...onward, ...again].reduce(evolve, before);
    const through = decide(chunk(0, 100), after);
    expect(through[0]?.data.job).toEqual({ ...working, total: 600, done: 200 });
  });
});

describe('WaitForTurn', () => {
  const turn = { type: 'WaitForTurn', before: 'j1', at } as const;
  const detail = 'Waits for job j1, which was asked for before it.';
  const turnReason = { code: 'job-before', detail, jobId: 'j1', since: at };
  const waitsForTurn: JobEvent = {
    type: 'JobWaited',
    schemaVersion: 2,
    data: { at, job: { ...fresh, status: 'waiting', reason: turnReason }, chunk: null },
  };

  it('names the job that must end first, and since when it waits for that', () => {
    scenario(job).given([created]).when(turn).then([waitsForTurn]);
  });

  it('names another when that one has gone', () => {
    const events = decide({ ...turn, before: 'j0', at: later }, states(created, waitsForTurn));
    expect(events).toMatchObject([{ data: { job: { reason: { jobId: 'j0', since: later } } } }]);
  });

  it('is forgotten with the first work, and changes nothing after it', () => {
    const events = decide({ type: 'PlanJob', total: 5, at }, states(created, waitsForTurn));
    expect(events).toEqual([planned(5)]);
    expect(decide(turn, states(created, planned(5)))).toEqual([]);
  });
});

describe('CancelJob', () => {
  const cancel = (...inHand: number[]): JobCommand => ({ type: 'CancelJob', actor: bert, inHand, at: later });
  const cancelling = { ...working, total: 600, status: 'cancelling', cancelledBy: bert } as const;
  const requested = (...inHand: number[]): JobEvent => ({
    type: 'JobCancelRequested',
    data: { at: later, job: cancelling, inHand },
  });
  const endedAs = (rest: Partial<JobStanding>): JobEvent => ({
    type: 'JobEnded',
    data: { at: later, job: { ...cancelling, status: 'cancelled', endedAt: later, ...rest } },
  });

  it('ends at once what nobody works on', () => {
    scenario(job)
      .given([created, planned(600), waiting])
      .when(cancel())
      .then([requested(), endedAs({})]);
  });

  it('ends with the last of the chunks in hand, which count', () => {
    scenario(job)
      .given([created, planned(600)])
      .when(cancel(0, 1))
      .then([requested(0, 1)]);
    const history = [created, planned(600), requested(0, 1)];
    const first = decide(chunk(0, 500, 2), states(...history));
    expect(first).toMatchObject([{ data: { job: { status: 'cancelling', done: 500, failed: 2 } } }]);
    scenario(job)
      .given([...history, ...first])
      .when({ type: 'DropChunk', chunk: 1, at: later })
      .then([
        {
          type: 'JobChunkDropped',
          data: { at: later, job: { ...cancelling, done: 500, failed: 2 }, chunk: 1 },
        },
        endedAs({ done: 500, failed: 2 }),
      ]);
  });

  it('is cancelled also when what was in hand was all there was', () => {
    const events = decide(chunk(0, 600), states(created, planned(600), requested(0)));
    expect(events.at(-1)).toEqual(endedAs({ done: 600 }));
  });

  it('waits for nothing any more', () => {
    const state = states(created, planned(600), requested(0));
    expect(decide({ type: 'WaitForFault', chunk: 0, fault, since: at, at }, state)).toEqual([]);
    expect(decide({ type: 'DropChunk', chunk: 5, at }, state)).toEqual([]);
  });

  it('is refused for a job that has ended otherwise, or is none', () => {
    const end = decide(chunk(0, 600), states(created, planned(600)));
    scenario(job)
      .given([created, planned(600), ...end])
      .when(cancel())
      .thenThrows('job-finished');
    scenario(job).given([]).when(cancel()).thenThrows('job-not-found');
  });
});

describe('DropChunk', () => {
  it('changes nothing in a job that was not cancelled', () => {
    expect(decide({ type: 'DropChunk', chunk: 0, at }, states(created, planned(600)))).toEqual([]);
  });
});

describe('RecordChild', () => {
  const family: JobEvent = { type: 'JobCreated', data: { at: createdAt, job: fresh, children: ['a', 'b'] } };
  const child = (id: string, standing: Partial<ChildStanding>): JobCommand => ({
    type: 'RecordChild',
    child: id,
    standing: { status: 'in_progress', total: 10, done: 0, failed: 0, ...standing },
    at: later,
  });
  const after = (...commands: readonly JobCommand[]): Job =>
    commands.reduce((state, command) => decide(command, state).reduce(evolve, state), states(family));

  it('makes the parent the sum of its children', () => {
    scenario(job)
      .given([family])
      .when(child('a', { done: 4, failed: 1 }))
      .then([
        {
          type: 'JobChildChanged',
          data: {
            at: later,
            job: { ...fresh, status: 'in_progress', done: 4, failed: 1, startedAt: later },
            child: 'a',
            childStanding: { status: 'in_progress', total: 10, done: 4, failed: 1 },
          },
        },
      ]);
    const both = after(child('a', { done: 4 }), child('b', { total: 5, done: 2, failed: 1 }));
    expect(both.standing).toMatchObject({ total: 15, done: 6, failed: 1 });
  });

  it('waits when no child works and one waits', () => {
    const waits = after(child('a', { status: 'waiting', reason }));
    expect(waits.standing).toMatchObject({ status: 'waiting', reason });
    const works = after(child('a', { status: 'waiting', reason }), child('b', {}));
    expect(works.standing).toMatchObject({ status: 'in_progress' });
    expect(works.standing?.reason).toBeUndefined();
  });

  it.each([
    ['success', 'success', 'success'],
    ['success', 'failed', 'failed'],
    ['cancelled', 'failed', 'failed'],
    ['success', 'cancelled', 'cancelled'],
  ] as const)('ends with the last of them: %s and %s is %s', (first, second, whole) => {
    const open = after(child('a', { status: first, done: 10 }));
    expect(open.standing).toMatchObject({ status: 'in_progress', done: 10 });
    const end = after(child('a', { status: first, done: 10 }), child('b', { status: second, done: 10 }));
    expect(end.standing).toMatchObject({ status: whole, done: 20, endedAt: later });
  });

  it('is cancelled when its children have ended, however they did', () => {
    const cancelled = after(
      child('a', { status: 'success', done: 10 }),
      { type: 'CancelJob', actor: bert, inHand: [], at },
      child('b', { status: 'failed', done: 10, failed: 1 }),
    );
    expect(cancelled.standing).toMatchObject({ status: 'cancelled', done: 20, failed: 1, cancelledBy: bert });
  });

  it('changes nothing for a child that has ended, or is none of its own', () => {
    const state = after(child('a', { status: 'success', done: 10 }));
    expect(decide(child('a', { done: 5 }), state)).toEqual([]);
    expect(decide(child('c', {}), state)).toEqual([]);
    expect(decide(child('a', {}), states(created))).toEqual([]);
  });
});

describe('FailJob', () => {
  it('ends it with the reason', () => {
    scenario(job)
      .given([created])
      .when({ type: 'FailJob', reason: fault, at })
      .then([
        { type: 'JobEnded', data: { at, job: { ...fresh, status: 'failed', reason: fault, endedAt: at } } },
      ]);
  });
});

describe('a command that comes too late', () => {
  const commands: readonly JobCommand[] = [
    { type: 'StartJob', at },
    { type: 'PlanJob', total: 5, at },
    chunk(0, 5),
    { type: 'WaitForFault', chunk: 0, fault, since: at, at },
    { type: 'WaitForTurn', before: 'j1', at },
    { type: 'DropChunk', chunk: 0, at },
    { type: 'FailJob', reason: fault, at },
  ];

  it('changes nothing in a job that has ended', () => {
    const ended = decide({ type: 'FailJob', reason: fault, at }, evolve(initial, created));
    const state = [created, ...ended].reduce(evolve, initial);
    expect(commands.flatMap((command) => decide(command, state))).toEqual([]);
  });

  it('changes nothing where there is no job', () => {
    expect(commands.flatMap((command) => decide(command, initial))).toEqual([]);
  });
});
