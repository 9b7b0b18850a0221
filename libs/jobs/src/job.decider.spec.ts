import { describe, expect, it } from '@jest/globals';
import { scenario } from '@muster/testing';
import { decide, evolve, initial, job, type JobCommand } from './job.decider.js';
import type { JobEvent, JobStanding } from './job.events.js';

const at = '2026-11-21T10:00:01.000Z';
const later = '2026-11-21T10:00:02.000Z';
const createdAt = '2026-11-21T10:00:00.000Z';
const reason = { code: 'unavailable', detail: 'The registry is away.' };

const fresh: JobStanding = { kind: 'k', status: 'created', total: null, done: 0, failed: 0, createdAt };
const working: JobStanding = { ...fresh, status: 'in_progress', startedAt: at };
const created: JobEvent = { type: 'JobCreated', data: { at: createdAt, job: fresh } };
const started: JobEvent = { type: 'JobStarted', data: { at, job: working } };
const planned = (total: number): JobEvent => ({
  type: 'JobPlanned',
  data: { at, job: { ...working, total } },
});
const waiting: JobEvent = {
  type: 'JobWaited',
  data: { at, job: { ...working, total: 600, status: 'waiting', reason } },
};
const chunk = (number: number, items: number, errors = 0): JobCommand => ({
  type: 'RecordChunk',
  chunk: number,
  items,
  errors: Array.from({ length: errors }, (_none, index) => ({ item: `i${index}`, code: 'c', detail: 'd' })),
  at: later,
});

describe('CreateJob', () => {
  it('creates a job, with the job it is a part of', () => {
    scenario(job)
      .given([])
      .when({ type: 'CreateJob', kind: 'k', parent: 'p', at })
      .then([{ type: 'JobCreated', data: { at, job: { ...fresh, createdAt: at, parent: 'p' } } }]);
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
  it('says what the job waits for, once', () => {
    scenario(job)
      .given([created, planned(600)])
      .when({ type: 'WaitForFault', reason, at })
      .then([waiting]);
  });

  it('says so again when it is another reason', () => {
    const other = { code: 'deadline-exceeded', detail: 'No answer in time.' };
    const events = decide(
      { type: 'WaitForFault', reason: other, at },
      [created, planned(600), waiting].reduce(evolve, initial),
    );
    expect(events).toMatchObject([{ type: 'JobWaited', data: { job: { reason: other } } }]);
  });
});

describe('FailJob', () => {
  it('ends it with the reason', () => {
    scenario(job)
      .given([created])
      .when({ type: 'FailJob', reason, at })
      .then([{ type: 'JobEnded', data: { at, job: { ...fresh, status: 'failed', reason, endedAt: at } } }]);
  });
});

describe('a command that comes too late', () => {
  const commands: readonly JobCommand[] = [
    { type: 'StartJob', at },
    { type: 'PlanJob', total: 5, at },
    chunk(0, 5),
    { type: 'WaitForFault', reason, at },
    { type: 'FailJob', reason, at },
  ];

  it('changes nothing in a job that has ended', () => {
    const ended = decide({ type: 'FailJob', reason, at }, evolve(initial, created));
    const state = [created, ...ended].reduce(evolve, initial);
    expect(commands.flatMap((command) => decide(command, state))).toEqual([]);
  });

  it('changes nothing where there is no job', () => {
    expect(commands.flatMap((command) => decide(command, initial))).toEqual([]);
  });
});
