import { describe, expect, it } from '@jest/globals';
import { withoutFixture, type NewestVersions } from '@muster/testing';
import { evolve, initial } from './job.decider.js';
import type { JobEvent } from './job.events.js';

/** Events as they lie in tables out there. Never edit one: a new shape is a new schema version, an upcast, one more entry. */
const stored: readonly JobEvent[] = [
  {
    type: 'JobCreated',
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
];

const newest: NewestVersions<JobEvent> = {
  JobCreated: 1,
  JobStarted: 1,
  JobPlanned: 1,
  JobProgressed: 1,
  JobWaited: 1,
  JobEnded: 1,
};

describe('stored events', () => {
  it('have a fixture of every type and version', () => {
    const versioned = stored.map(({ type }) => ({ type, schemaVersion: 1 }));
    expect(withoutFixture(versioned, newest)).toEqual([]);
  });

  it('are still read', () => {
    expect(stored.reduce(evolve, initial)).toEqual({
      standing: {
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
      chunks: [[0, 0]],
    });
  });
});
