import { describe, expect, it } from '@jest/globals';
import { withoutFixture, type NewestVersions } from '@muster/testing';
import { evolve, initial } from './command-queue.decider.js';
import type { CommandEvent } from './command-queue.events.js';

/** As they lie in the table, version 1. Never edited: a changed shape is a new version with an upcast, and a new line. */
const stored = `
{"type":"ObservationChanged","data":{"observe":false,"changedAt":"2026-01-01T00:00:00.000Z"}}
{"type":"CommandCreated","data":{"id":1,"payload":{"position":"open"},"createdAt":"2026-01-01T00:00:01.000Z","expiresAt":"2026-01-01T00:01:01.000Z"}}
{"type":"CommandCreated","data":{"id":2,"createdAt":"2026-01-01T00:00:02.000Z","expiresAt":"2026-01-01T00:01:02.000Z"}}
{"type":"CommandCreated","data":{"id":3,"payload":null,"createdAt":"2026-01-01T00:00:03.000Z","expiresAt":"2026-01-01T00:01:03.000Z"}}
{"type":"CommandCreated","data":{"id":4,"createdAt":"2026-01-01T00:00:04.000Z","expiresAt":"2026-01-01T00:01:04.000Z"}}
{"type":"CommandCreated","data":{"id":5,"createdAt":"2026-01-01T00:00:05.000Z","expiresAt":"2026-01-01T00:01:05.000Z"}}
{"type":"CommandExecuted","data":{"id":1,"statusCode":200,"reasonPhrase":"OK","result":{"took":3},"answeredAt":"2026-01-01T00:00:06.000Z"}}
{"type":"CommandFailed","data":{"id":2,"statusCode":500,"answeredAt":"2026-01-01T00:00:07.000Z"}}
{"type":"CommandCancelled","data":{"id":3,"cancelledAt":"2026-01-01T00:00:08.000Z"}}
{"type":"CommandExpired","data":{"id":4,"expiredAt":"2026-01-01T00:01:04.000Z"}}
{"type":"CommandsSent","data":{"ids":[5],"interface":"mqtt","sentAt":"2026-01-01T00:01:05.000Z"}}
{"type":"CommandAnsweredLate","data":{"id":4,"statusCode":200,"reasonPhrase":"OK","result":{"took":99},"answeredAt":"2026-01-01T00:01:05.500Z"}}
{"type":"QueueEnded","data":{"endedAt":"2026-01-01T00:01:06.000Z"}}
`;

const newest: NewestVersions<CommandEvent> = {
  CommandCreated: 1,
  CommandExecuted: 1,
  CommandFailed: 1,
  CommandCancelled: 1,
  CommandExpired: 1,
  CommandAnsweredLate: 1,
  CommandsSent: 1,
  ObservationChanged: 1,
  QueueEnded: 1,
};

const events = stored
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as CommandEvent);

describe('stored events of commands', () => {
  it('have a fixture of every type and version', () => {
    const versioned = events.map((event) => ({ ...event, schemaVersion: 1 }));
    expect(withoutFixture(versioned, newest)).toEqual([]);
  });

  it('are still read', () => {
    expect(events.reduce(evolve, initial)).toEqual({
      ended: true,
      nextId: 6,
      observe: false,
      outstanding: [{ id: 5, expiresAt: '2026-01-01T00:01:05.000Z', sent: true }],
      cancelled: [3],
      unanswered: [3],
    });
  });
});
