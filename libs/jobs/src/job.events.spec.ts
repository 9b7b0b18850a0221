import { describe, expect, it } from '@jest/globals';
import type { StoredEvent } from '@muster/event-store';
import { withoutFixture, type NewestVersions } from '@muster/testing';
import { evolve, initial } from './job.decider.js';
import { upcast, type JobEvent } from './job.events.js';

/** Events as they lie in tables out there. Never edit one: a new shape is a new schema version, an upcast, one more entry. */
const stored: readonly StoredEvent[] = [
  {
    type: 'JobCreated',
    schemaVersion: 1,
    data: {
      at: '2026-11-21T10:00:00.000Z',
      job: {
        kind: 'configuration-bulk',
        status: 'created',
        total: null,
        done: 0,
        failed: 0,
        createdAt: '2026-11-21T10:00:00.000Z',
        parent: 'j0',
      },
    },
  },
  {
    type: 'JobStarted',
    schemaVersion: 1,
    data: {
      at: '2026-11-21T10:00:01.000Z',
      job: {
        kind: 'configuration-bulk',
        status: 'in_progress',
        total: null,
        done: 0,
        failed: 0,
        createdAt: '2026-11-21T10:00:00.000Z',
        startedAt: '2026-11-21T10:00:01.000Z',
        parent: 'j0',
      },
    },
  },
  {
    type: 'JobPlanned',
    schemaVersion: 1,
    data: {
      at: '2026-11-21T10:00:02.000Z',
      job: {
        kind: 'configuration-bulk',
        status: 'in_progress',
        total: 2,
        done: 0,
        failed: 0,
        createdAt: '2026-11-21T10:00:00.000Z',
        startedAt: '2026-11-21T10:00:01.000Z',
        parent: 'j0',
      },
    },
  },
  {
    type: 'JobWaited',
    schemaVersion: 1,
    data: {
      at: '2026-11-21T10:00:03.000Z',
      job: {
        kind: 'configuration-bulk',
        status: 'waiting',
        total: 2,
        done: 0,
        failed: 0,
        createdAt: '2026-11-21T10:00:00.000Z',
        startedAt: '2026-11-21T10:00:01.000Z',
        parent: 'j0',
        reason: { code: 'unavailable', detail: 'Nobody answers.' },
      },
    },
  },
  {
    type: 'JobProgressed',
    schemaVersion: 1,
    data: {
      at: '2026-11-21T10:00:04.000Z',
      job: {
        kind: 'configuration-bulk',
        status: 'in_progress',
        total: 2,
        done: 2,
        failed: 1,
        createdAt: '2026-11-21T10:00:00.000Z',
        startedAt: '2026-11-21T10:00:01.000Z',
        parent: 'j0',
      },
      chunk: 0,
      items: 2,
      errors: [{ item: 'd1', code: 'device-not-found', detail: 'No such device.' }],
    },
  },
  {
    type: 'JobEnded',
    schemaVersion: 1,
    data: {
      at: '2026-11-21T10:00:04.000Z',
      job: {
        kind: 'configuration-bulk',
        status: 'failed',
        total: 2,
        done: 2,
        failed: 1,
        createdAt: '2026-11-21T10:00:00.000Z',
        startedAt: '2026-11-21T10:00:01.000Z',
        endedAt: '2026-11-21T10:00:04.000Z',
        parent: 'j0',
      },
    },
  },
  {
    type: 'JobWaited',
    schemaVersion: 2,
    data: {
      at: '2026-11-28T10:00:03.000Z',
      job: {
        kind: 'configuration-bulk',
        total: 2,
        createdAt: '2026-11-28T10:00:00.000Z',
        createdBy: { kind: 'user', id: 'anna' },
        status: 'waiting',
        done: 0,
        failed: 0,
        reason: {
          code: 'job-before',
          detail: 'Waits for job j0, which was asked for before it.',
          jobId: 'j0',
          since: '2026-11-28T10:00:03.000Z',
        },
      },
      chunk: null,
    },
  },
  {
    type: 'JobCancelRequested',
    schemaVersion: 1,
    data: {
      at: '2026-11-28T10:00:04.000Z',
      job: {
        kind: 'configuration-bulk',
        total: 2,
        createdAt: '2026-11-28T10:00:00.000Z',
        createdBy: { kind: 'user', id: 'anna' },
        status: 'cancelling',
        done: 0,
        failed: 0,
        cancelledBy: { kind: 'user', id: 'bert' },
      },
      inHand: [0],
    },
  },
  {
    type: 'JobChunkDropped',
    schemaVersion: 1,
    data: {
      at: '2026-11-28T10:00:05.000Z',
      job: {
        kind: 'configuration-bulk',
        total: 2,
        createdAt: '2026-11-28T10:00:00.000Z',
        createdBy: { kind: 'user', id: 'anna' },
        status: 'cancelling',
        done: 0,
        failed: 0,
        cancelledBy: { kind: 'user', id: 'bert' },
      },
      chunk: 0,
    },
  },
  {
    type: 'JobChildChanged',
    schemaVersion: 1,
    data: {
      at: '2026-11-28T10:00:06.000Z',
      job: {
        kind: 'configuration-bulk',
        total: 2,
        createdAt: '2026-11-28T10:00:00.000Z',
        createdBy: { kind: 'user', id: 'anna' },
        status: 'in_progress',
        done: 1,
        failed: 0,
      },
      child: 'j7',
      childStanding: { status: 'in_progress', total: 2, done: 1, failed: 0 },
    },
  },
  {
    type: 'JobAdvanced',
    schemaVersion: 1,
    data: {
      at: '2026-11-28T19:00:00.000Z',
      job: {
        kind: 'campaign-batch',
        total: 10,
        createdAt: '2026-11-28T18:00:00.000Z',
        createdBy: { kind: 'user', id: 'anna' },
        status: 'in_progress',
        startedAt: '2026-11-28T18:30:00.000Z',
        done: 4,
        failed: 1,
        parent: 'j1',
      },
      errors: [{ item: 'd1', code: 'device-not-found', detail: 'No such device.' }],
    },
  },
];

const newest: NewestVersions<JobEvent> = {
  JobCreated: 1,
  JobStarted: 1,
  JobPlanned: 1,
  JobProgressed: 1,
  JobAdvanced: 1,
  JobWaited: 2,
  JobChildChanged: 1,
  JobCancelRequested: 1,
  JobChunkDropped: 1,
  JobEnded: 1,
};

describe('stored events', () => {
  it('have a fixture of every type and version', () => {
    expect(withoutFixture(stored, newest)).toEqual([]);
  });

  it('are still read', () => {
    const state = stored.slice(0, 6).map(upcast).reduce(evolve, initial);
    expect(state.standing).toEqual({
      kind: 'configuration-bulk',
      status: 'failed',
      total: 2,
      done: 2,
      failed: 1,
      createdAt: '2026-11-21T10:00:00.000Z',
      startedAt: '2026-11-21T10:00:01.000Z',
      endedAt: '2026-11-21T10:00:04.000Z',
      parent: 'j0',
    });
    expect(state.chunks).toEqual([[0, 0]]);
    const cancelled = stored.slice(6, 9).map(upcast).reduce(evolve, initial);
    expect(cancelled).toMatchObject({ standing: { status: 'cancelling' }, stuck: null, inHand: [] });
    expect(stored.slice(10).map(upcast).reduce(evolve, initial).standing).toMatchObject({
      done: 4,
      failed: 1,
    });
    const parent = stored.slice(9, 10).map(upcast).reduce(evolve, initial);
    expect(parent.children).toMatchObject({ j7: { done: 1 } });
  });

  it('say since when the job waits, also those of before that was said', () => {
    const [waited] = stored.filter(({ type, schemaVersion }) => type === 'JobWaited' && schemaVersion === 1);
    expect(waited && upcast(waited)).toMatchObject({
      schemaVersion: 2,
      data: { chunk: null, job: { reason: { code: 'unavailable', since: '2026-11-21T10:00:03.000Z' } } },
    });
  });
});
